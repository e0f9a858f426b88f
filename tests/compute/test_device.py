"""What a job's log says of where it runs, and what TensorFlow may make of a graph."""

import numpy as np
import pytest
import tensorflow as tf
from architectures import mlp

from mirage.attacks import gradients
from mirage.models import networks
from mirage.runtime import device


def test_the_place_names_node_job_gpu_and_image():
    environment = {
        "SLURMD_NODENAME": "node2",
        "SLURM_JOB_ID": "17",
        "CUDA_VISIBLE_DEVICES": "1",
        "APPTAINER_CONTAINER": "/images/mirage-0123.sif",
    }
    assert device.place(environment) == (
        "Node node2; SLURM job 17; GPU allocated: 1; image /images/mirage-0123.sif"
    )
    assert "no container" in device.place({})
    assert "SLURM" not in device.place({})
    assert "GPU" not in device.place({})


@pytest.mark.parametrize("value", ["", "NoDevFiles", "-1"])
def test_no_gpu_is_allocated(value):
    assert not device.allocated({"CUDA_VISIBLE_DEVICES": value})
    assert "GPU" not in device.place({"CUDA_VISIBLE_DEVICES": value})


def test_an_unseen_gpu_is_explained_by_what_this_tensorflow_is():
    environment = {"CUDA_VISIBLE_DEVICES": "0"}
    assert "CUDA=1" in device.unseen(environment, cuda=False)
    assert "--nv" in device.unseen(environment, cuda=True)
    assert all("(CUDA_VISIBLE_DEVICES=0)" in device.unseen(environment, cuda) for cuda in (0, 1))


@pytest.mark.parametrize("dtype", networks.DTYPES)
def test_a_graph_has_the_arithmetic_of_its_operations_one_by_one(dtype):
    network = networks.build(mlp(200, 300), dtype, seed=1)
    images = np.random.default_rng(1).random((500, 784)).astype(np.float32)
    alone = network(tf.cast(images, dtype), training=False).numpy()
    assert (gradients.logits(network, images) == alone).all()
