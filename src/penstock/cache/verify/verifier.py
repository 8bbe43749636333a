"""Joins candidates, vetoes, model, budget and bound to one decision: hit, miss, or a hit that is checked as well.

Enter: a prepared question, what the index found, the partition, one random number. Leaves: a Verdict. What came of it
is told with ``stored`` (a miss was answered), ``checked`` (a shadow was compared) and ``told`` (a user's feedback).
One Verifier per model and embedder; partitions are exact fingerprints of all but the question. Nothing here raises for
odd input: what cannot be judged is a miss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

from penstock.cache.verify.compare import compare
from penstock.cache.verify.groups import Entry, Group, Groups
from penstock.cache.verify.lexical import Prepared
from penstock.cache.verify.model import Model, Prior, shipped
from penstock.cache.verify.rules import ALERT, HEAVIEST, NEIGHBOURS, QUARANTINE, Rules
from penstock.cache.verify.scoring import choose
from penstock.cache.verify.signals import sightings
from penstock.cache.verify.spend import Spending
from penstock.cache.verify.verdict import Id, Near, Scored, Status, Verdict
from penstock.cache.verify.vetoes import Vetoes
from penstock.cache.verify.watch import Watch, Watches

__all__ = ["Rules", "Verifier"]

VERSION = 1


class Verifier:
    """See the module. ``groups``, ``model``, ``spending``: its parts, to be shown, not to be changed."""

    __slots__ = ("_prior", "_rules", "_vetoes", "_watch", "_watches", "groups", "model", "spending")

    def __init__(self, rules: Rules | None = None, prior: Prior | None = None) -> None:
        self._rules = rules = rules or Rules()
        self._vetoes = Vetoes(rules.vetoes)
        self.groups = Groups(rules.entries)
        self._prior = prior or shipped()
        self.model = Model(self._prior)
        self.spending = Spending(rules.budget)
        self._watch, self._watches = self._watch_all()

    def _watch_all(self) -> tuple[Watch, Watches]:
        rules = self._rules
        limits = (rules.budget.per_request, rules.budget.per_hit, rules.shadow * rules.least_shadow, rules.alpha)
        return Watch(*limits, interval=True), Watches(rules.partitions, *limits)

    # ---- deciding

    def decide(self, asked: Prepared, near: Sequence[Near], partition: Id, uniform: float) -> Verdict:
        """Decide one question. ``near``: up to 8, best first; entries unknown to ``place`` or of another partition are
        passed over. ``uniform``: a fresh random number in [0, 1). Every call counts as a request of the partition."""
        verdict = Verdict("miss", partition)
        place = -1
        if asked.empty:
            verdict.reason = "unusable"
        else:
            place = self._look(verdict, asked, near)
        error = 1.0 - verdict.scored[place].probability if place >= 0 else 1.0
        watch = self._watches.of(partition)
        self.spending.see(error)
        if place >= 0:
            self._settle(verdict, place, near, error, watch, uniform)
        hit = verdict.kind != "miss"
        self._watch.request(hit)
        watch.request(hit)
        if not verdict.would_hit and not hit:  # nothing would have been given: not wrong
            self._watch.would(False)
            watch.would(False)
        return verdict

    def _look(self, verdict: Verdict, asked: Prepared, near: Sequence[Near]) -> int:
        """Score the best groups; the place among ``verdict.scored`` of the best that no rule forbids, or -1."""
        rules = self._rules
        known: list[tuple[int, Entry, float]] = []
        for place, one in enumerate(near[:NEIGHBOURS]):
            cosine = one.cosine
            if not -1.001 <= cosine <= 1.001:  # NaN too
                verdict.reason = "unusable"
                return -1
            entry = self.groups.get(one.key)
            if entry is not None and entry.partition == verdict.partition:
                verdict.reason = "far"
                if cosine >= rules.floor:
                    known.append((place, entry, cosine))
        if not known:
            return -1
        scored: list[Scored] = []
        best = -1
        for sighting in sightings(asked, known):
            entry = sighting.entry
            said = compare(asked, entry.prepared)
            features = (*sighting.values, *said)
            probability = self.model.probability(features)
            fired = self._vetoes.fired(said)
            against = tuple([name for name in fired if not entry.group.lifts(name, rules.lift)]) if fired else ()
            scored.append(Scored(entry.key, entry.group.id, features, probability, fired, against, sighting.place))
            if not against and (best < 0 or probability > scored[best].probability):
                best = len(scored) - 1
        verdict.scored = tuple(scored)
        verdict.judge = tuple(
            [one.key for one in sorted(scored, key=_probability, reverse=True) if one.probability >= rules.judge_floor]
        )
        if best < 0:
            first = scored[0]
            verdict.reason, verdict.vetoes = "veto", first.against
            verdict.key, verdict.probability = first.key, first.probability
        return best

    def _settle(
        self, verdict: Verdict, place: int, near: Sequence[Near], error: float, watch: Watch, uniform: float
    ) -> None:
        line = self.spending.line
        if error <= line:
            safe = [one for one in verdict.scored if not one.against and 1.0 - one.probability <= line]
            if len(safe) > 1:
                found = [near[one.place] for one in safe]
                options = [
                    (one.probability, there.age, there.ttl, there.uses) for one, there in zip(safe, found, strict=True)
                ]
                chosen = safe[choose(options, self._rules.weights)]
            else:
                chosen = safe[0]
        else:
            chosen = verdict.scored[place]
        verdict.key, verdict.probability, verdict.vetoes = chosen.key, chosen.probability, chosen.vetoes
        if error > line:
            verdict.reason = "budget"
        elif self._watch.stopped or watch.stopped:
            verdict.reason = "stopped"
            verdict.would_hit = True
        else:
            verdict.reason = "verified"
            verdict.sampling = self._sampling(1.0 - chosen.probability, self._watch.doubtful or watch.suspicious)
            verdict.kind = "shadow" if uniform < verdict.sampling else "hit"

    def _sampling(self, error: float, doubt: bool) -> float:
        """More checks where more is to be found: the variance of the estimate is least when the probability of a check
        goes with the root of the error's (Neyman allocation). And more at first, and while something
        seems to be wrong."""
        rules = self._rules
        share = rules.shadow * max(rules.least_shadow, sqrt(error / rules.budget.per_request))
        return min(1.0, ALERT * share if doubt else share)

    # ---- what came of it

    def stored(
        self, verdict: Verdict, key: Id, asked: Prepared, judged: Mapping[Id, bool | None], group: Id | None = None
    ) -> Id:
        """A miss was answered and its answer is kept as ``key``. ``judged``: for entries of ``verdict.judge``, whether
        their answer equals the new one (None: nobody can tell). The key joins the group it was found equal to, or
        founds one. Gives the group, to be kept with the entry (it is what ``place`` wants on other workers)."""
        equal = self.compared(verdict, judged)
        return self.groups.place(key, asked, verdict.partition, equal if group is None else group).group.id

    def compared(self, verdict: Verdict, judged: Mapping[Id, bool | None]) -> Id | None:
        """As ``stored`` for a miss whose answer is not kept: only learned from. Gives the group found equal."""
        best = self._best(verdict)
        equal: Group | None = None
        others: list[tuple[Group, bool]] = []
        for one in sorted(verdict.scored, key=_probability, reverse=True):
            same = judged.get(one.key)
            if same is None:
                continue
            self._learn(one, same, 1.0)
            if one is best:
                self.spending.label(1.0 - one.probability, not same)
            entry = self.groups.get(one.key)
            if entry is None:
                continue
            if same and equal is None:
                equal = entry.group
            else:
                others.append((entry.group, same))
        if equal is not None:
            for group, same in others:
                equal = self.groups.link(equal, group, same)
        if verdict.would_hit and verdict.key is not None:
            wrong = judged.get(verdict.key) is not True
            self._watch.would(wrong)
            self._watches.of(verdict.partition).would(wrong)
        return None if equal is None else equal.id

    def checked(self, verdict: Verdict, equal: bool | None) -> tuple[Id, ...]:
        """A shadow was compared with the upstream's answer. None (nobody can tell) counts as wrong for the bound:
        what is not known to be right is not. Gives the keys that should no longer be given: those of a group whose
        answer was found wrong again and again."""
        if verdict.kind != "shadow" or verdict.key is None:
            return ()
        self._watch.check(equal is not True, verdict.sampling)
        self._watches.of(verdict.partition).check(equal is not True, verdict.sampling)
        for one in verdict.scored:
            if one.key == verdict.key and equal is not None:
                weight = min(1.0 / verdict.sampling, HEAVIEST)
                self._learn(one, equal, weight)
                self.spending.label(1.0 - one.probability, not equal, weight, given=True)
        entry = self.groups.get(verdict.key)
        if entry is None or equal is None:
            return ()
        return self._record(entry, equal)

    def told(self, key: Id, right: bool) -> tuple[Id, ...]:
        """A user said of an answer given from ``key`` that it was right or wrong. Gives the keys to delete: when
        wrong, the whole group. Who complains is no random sample, so the bound is not touched, only the budget."""
        entry = self.groups.get(key)
        if entry is None:
            return ()
        if right:
            entry.group.right += 1.0
            return ()
        self.spending.label(self.spending.line, True, given=True)
        keys = tuple(entry.group.keys)
        for one in keys:
            self.groups.forget(one)
        return keys

    def _record(self, entry: Entry, right: bool) -> tuple[Id, ...]:
        group = entry.group
        if right:
            group.right += 1.0
            return ()
        group.wrong += 1.0
        if group.wrong < QUARANTINE or group.wrong <= group.right:
            return ()
        keys = tuple(group.keys)
        for key in keys:
            self.groups.forget(key)
        return keys

    def _learn(self, one: Scored, right: bool, weight: float) -> None:
        self.model.learn(one.features, right, weight)
        entry = self.groups.get(one.key)
        if one.vetoes and entry is not None:
            entry.group.note(one.vetoes, right)

    def _best(self, verdict: Verdict) -> Scored | None:
        free = [one for one in verdict.scored if not one.against]
        return max(free, key=_probability) if free else None

    # ---- entries

    def place(self, key: Id, asked: Prepared, partition: Id, group: Id | None = None) -> None:
        """Make an entry known that was stored before, or by another worker. ``group``: as ``stored`` gave it."""
        self.groups.place(key, asked, partition, group)

    def forget(self, key: Id) -> None:
        """The entry is gone (evicted, deleted, expired)."""
        self.groups.forget(key)

    # ---- state

    def status(self, partition: Id | None = None) -> Status:
        """How the bound stands, in all or in one partition."""
        watch = self._watch if partition is None else self._watches.known(partition)
        if watch is None:
            limits = self._rules.budget
            watch = Watch(limits.per_request, limits.per_hit, 1.0, self._rules.alpha)
        return watch.status()

    def stopped(self) -> dict[Id, str]:
        """The partitions in which hits have ended, and why."""
        return self._watches.stopped()

    def dump(self) -> dict[str, Any]:
        """What was learned, as plain values (JSON or msgpack): model, budget, bound; not the entries."""
        return {
            "version": VERSION,
            "model": self.model.dump(),
            "spending": self.spending.dump(),
            "watch": self._watch.dump(),
            "stopped": self._watches.dump(),
            "limits": [self._rules.budget.per_request, self._rules.budget.per_hit, self._rules.shadow],
        }

    def load(self, kept: object) -> bool:
        """Take up what ``dump`` gave. False, and nothing is changed, if it is damaged or of another version. The bound
        is taken up only where its limits are the same: evidence about another rate is none about this one."""
        if not isinstance(kept, dict) or kept.get("version") != VERSION:
            return False
        model, spending, budget = Model(self._prior), Spending(self._rules.budget), self._rules.budget
        if not model.load(kept.get("model")) or not spending.load(kept.get("spending")):
            return False
        watch, watches = self._watch_all()
        if kept.get("limits") == [budget.per_request, budget.per_hit, self._rules.shadow]:
            try:
                watch.load(kept["watch"])
                watches.load(kept["stopped"])
            except (KeyError, TypeError, ValueError):
                return False
        self.model, self.spending, self._watch, self._watches = model, spending, watch, watches
        return True


def _probability(one: Scored) -> float:
    return one.probability
