"""What has to be measured, so that figures, tables and claims can be made: and nothing else is."""

from collections.abc import Iterable, Iterator, Mapping

from mirage.attacks.parameters import EXACT, GRADIENTS, parameters_of
from mirage.data.columns import BARE

# What a selection of a claim names, by its table.
KINDS = {"attacks": "attack", "gradients": "gradient"}


class Needed:
    """Epsilons by run, attack, dtype, split and defence, gradients by the same but the attack.

    And probes by run; all in the order they are asked for.
    """

    def __init__(self, config: Mapping) -> None:
        """Nothing is asked for yet; `config` has the `runs` and `attacks` that can be."""
        self.config = config
        self.found: dict[tuple, dict[str, None]] = {}
        self.asked: dict[tuple, str] = {}
        self.gradient_keys: dict[tuple, None] = {}
        self.probed: dict[tuple[str, str], None] = {}

    def add(self, chosen: Mapping, epsilons: Iterable[str], where: str) -> None:
        """Ask for a choice; one of a run, attack or gradient that is not there asks for nothing."""
        if "measure" in chosen:
            if chosen["run"] in self.config["runs"] and chosen["measure"] in self.config["probes"]:
                self.probed[chosen["run"], chosen["measure"]] = None
        elif "gradient" in chosen:
            if key := self._key(chosen, "gradient"):
                self.gradient_keys[key] = None
        elif key := self._key(chosen):
            minimal = parameters_of(self.config["attacks"][key[1]]["method"]).kind == "minimal"
            self.found.setdefault(key, {}).update(dict.fromkeys(() if minimal else epsilons))
            self.asked.setdefault(key, where)

    def epsilons(self, chosen: Mapping) -> Iterable[str]:
        """The epsilons of a choice that are asked for already."""
        return tuple(self.found.get(self._key(chosen), ()))

    def _key(self, chosen: Mapping, kind: str = "attack") -> tuple | None:
        runs = self.config["runs"]
        known = {"attack": self.config["attacks"], "gradient": GRADIENTS}[kind]
        run, name = chosen.get("run"), chosen.get(kind)
        if run not in runs or name not in known:
            return None
        return (
            *(run, name, chosen.get("dtype", runs[run]["dtype"])),
            *(chosen.get("split", "test"), chosen.get("defence", BARE)),
        )

    def add_cell(self, cell: Mapping, epsilons: Iterable[str], where: str) -> None:
        """Ask for what a cell shows, and for where its epsilon is looked for."""
        self.add(cell, epsilons, where)
        if "epsilon_where" in cell:
            self.add({**cell, **cell["epsilon_where"]}, epsilons, where)

    def entries(self) -> list[tuple[dict, str]]:
        """What has to be measured, as `evaluations` of the plan, and who asked for it first."""
        runs, attacks = self.config["runs"], self.config["attacks"]
        entries = []
        for key, epsilons in self.found.items():
            run, attack, dtype, split, defence = key
            entry = {
                **{"runs": [run], "attacks": [attack], "dtypes": [dtype]},
                **{"splits": [split], "defences": [defence]},
            }
            if epsilons:
                entry["epsilons"] = sorted(epsilons, key=float)
            elif parameters_of(attacks[attack]["method"]).kind != "minimal":
                continue  # nobody says at which epsilon
            of_run = runs[run].get("images")
            limits = [
                of_run.get(attack) if isinstance(of_run, Mapping) else of_run,
                attacks[attack].get("images"),
            ]
            if limits := [limit for limit in limits if limit]:
                entry["images"] = min(limits)
            entries.append((entry, self.asked[key]))
        return entries

    def gradients(self) -> list[dict]:
        """The gradients that have to be measured, as `gradients` of the plan."""
        entries = []
        for key in self.gradient_keys:
            names = ("run", "gradient", "dtype", "split", "defence")
            entry = dict(zip(names, key, strict=True))
            images = self.config["runs"][entry["run"]].get("images")
            # A number for each attack says nothing of a gradient.
            if isinstance(images, int):
                entry["images"] = images
            entries.append(entry)
        return entries


def claimed(
    claim: Mapping, attacks: Mapping, points: Mapping
) -> Iterator[tuple[dict, list[str], dict | None]]:
    """What a claim reads of attacks, gradients and probes, and of the first two in the exact sign.

    Yields:
        A choice, the epsilons it is read at, and the sweep whose epsilons it is read at, too, where
        the claim looks for its epsilon.
    """
    for condition in claim.get("test", ()):
        published = points.get(condition.get("series"), ())
        for selection in (one for one in condition.values() if isinstance(one, Mapping)):
            if "measure" in selection:
                yield selection, [], None
                continue
            kind = KINDS.get(selection.get("table", "attacks"))
            name = selection.get(kind)
            if name is None:
                continue
            epsilons = [selection["epsilon"]] if "epsilon" in selection else []
            epsilons += [point["epsilon"] for point in published if point["epsilon"]]
            splits = {point["split"] for point in published if point.get("split")}
            own = EXACT if kind == "gradient" else attacks.get(name, {}).get("exact")
            twin = selection.get("exact", own)
            twins = [twin] if twin and "no_exact" not in claim else []
            splits = splits or {selection.get("split", "test")}
            for split in sorted(splits | {selection.get("minus_split")} - {None}):
                chosen = {**selection, "split": split}
                sweep = None
                if "epsilon_where" in selection:
                    sweep = {**chosen, **selection["epsilon_where"]}
                for one in (name, *twins):
                    yield {**chosen, kind: one}, epsilons, sweep
                    if sweep and "attack" not in selection["epsilon_where"]:
                        yield {**sweep, "attack": one}, epsilons, sweep
