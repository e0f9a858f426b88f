"""What a job's log says of where it runs."""

import pytest

from mirage import device


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
