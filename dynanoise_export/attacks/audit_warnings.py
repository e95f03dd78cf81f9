"""Is the audit itself sound, and does the defence hold against those who know it? What is not goes into the report."""

from collections.abc import Callable, Iterator, Sequence

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.judging import FROM_THESE_ROWS
from dynanoise_export.attacks.metrics.accuracy import uninformed_asr
from dynanoise_export.attacks.metrics.roc import fewest_non_members
from dynanoise_export.attacks.results import FPRS, Result
from dynanoise_export.attacks.utility import Utility
from dynanoise_export.intervals import LEVEL, Interval, share
from dynanoise_export.shadow_stores import ShadowStore

# Within these shares of members, ASR and balanced accuracy say the same.
BALANCED = (0.45, 0.55)
FEW_SHADOWS = 16
# Shadow models that are so much better or worse than the target were trained in another way.
SAME_ACCURACY = 0.1
# What is more than chance between attackers, in AUC, and how much of a fall counts as won back.
FALL, WON_BACK = 0.02, 0.5


def about_rows(audit: Audit, blind: Interval | None) -> Iterator[str]:
    """Judge the audit's rows."""
    members = audit.members / (audit.members + audit.non_members)
    if not BALANCED[0] <= members <= BALANCED[1]:
        floor, slope = uninformed_asr(members, 0.0), uninformed_asr(members, 1.0) - uninformed_asr(members, 0.0)
        yield (
            f"The sets are unbalanced: {members:.0%} of the rows are members. An attack that knows nothing and calls a "
            f"share q of the rows members has an ASR of {floor:.2f} {slope:+.2f}·q: read the balanced accuracy."
        )
    if blind is not None and blind.low > 0.5:
        yield (
            "Members and non-members differ even without the model: their values and labels alone tell them apart with "
            f"an AUC of {blind.value:.3f} [{blind.low:.3f}, {blind.high:.3f}]. All figures are inflated by that."
        )
    refused = [fpr for fpr in FPRS if audit.non_members < fewest_non_members(fpr)]
    if refused:
        yield (f"With {audit.non_members:,} non-members no TPR can be told at {' and '.join(map(_needed, refused))}.")


def about_shadows(store: ShadowStore | None, defended: Utility) -> Iterator[str]:
    """Judge the shadow models."""
    if store is None:
        yield "There are no shadow models (--shadows): the strongest attacks were not made, and others will make them."
        return
    if len(store.kept) < FEW_SHADOWS:
        yield f"There are {len(store.kept)} shadow models: LiRA and RMIA grow stronger with {FEW_SHADOWS} and more."
    told = [model.get("accuracy_others") for model in store.record["models"].values()]
    if all(isinstance(accuracy, float) for accuracy in told):
        theirs = sum(told) / len(told)
        if abs(theirs - defended.accuracy.value) > SAME_ACCURACY:
            yield (
                f"The shadow models are right on {theirs:.1%} of what they have not learnt, and the model on "
                f"{defended.accuracy.value:.1%}: shadow models that are not like the target make attacks look weak."
            )


def about_results(results: Sequence[Result], members: float) -> Iterator[str]:
    """Judge what the attacks got."""
    flattered = sorted({r.attack.name for r in results if r.threshold == FROM_THESE_ROWS})
    if flattered:
        yield (
            f"The accuracy of {', '.join(flattered)} is at a threshold fitted on these very rows, which flatters the "
            "attack: it is fitted on shadow models where there are enough of them."
        )
    constant = sorted({f"{r.attack.name} ({r.attacker.name})" for r in results if r.constant})
    if constant:
        yield (
            f"These attacks scored all rows alike, and their balanced accuracy of exactly 0.5 is that of a constant "
            f"answer: {'; '.join(constant)}."
        )
    for result in results:
        if result.auc.high < 0.5 - FALL:
            yield (
                f"{result.attack.name} ({result.attacker.name}) is wrong more often than right: turned round, its AUC "
                f"is {1 - result.auc.value:.3f}."
            )
    if not BALANCED[0] <= members <= BALANCED[1] and _all_uninformed(results, members):
        yield (
            "Every ASR here is what somebody gets who calls as many rows members without looking: these figures "
            "measure the split, and no privacy."
        )


def about_attackers(without: Sequence[Result], defended: Sequence[Result]) -> Iterator[str]:
    """Tell whether the defence holds against those who know it."""
    plain = _strongest(without, lambda attacker: not attacker.labels_only)
    naive = _strongest(defended, lambda attacker: not attacker.adaptive and not attacker.labels_only)
    once = _strongest(defended, lambda attacker: attacker.adaptive and attacker.queries == 1)
    most = _strongest(defended, lambda attacker: attacker.adaptive)
    if plain is None or naive is None or once is None or most is None:
        return
    fall = plain.auc.value - naive.auc.value
    if fall > FALL and once.auc.value - naive.auc.value > WON_BACK * fall:
        yield (
            f"The papers' attacker falls from an AUC of {plain.auc.value:.3f} to {naive.auc.value:.3f}; one who knows "
            f"the defence gets {once.auc.value:.3f}: the gain is the temperature's, and an attacker divides it out."
        )
    left = plain.auc.value - once.auc.value
    if left > FALL and most.auc.value - once.auc.value > WON_BACK * left:
        yield (
            f"More answers give back what noise takes: from an AUC of {once.auc.value:.3f} with one answer to "
            f"{most.auc.value:.3f} ({most.attacker.name})."
        )


def _strongest(results: Sequence[Result], who: Callable[[Attacker], bool]) -> Result | None:
    return max((r for r in results if who(r.attacker)), key=lambda result: result.auc.value, default=None)


def _all_uninformed(results: Sequence[Result], members: float) -> bool:
    # All intervals together are to hold, and so each is wrong as many times more rarely.
    error = (1 - LEVEL) / max(len(results), 1)
    return all(_uninformed(r, members, error) for r in results)


def _uninformed(result: Result, members: float, error: float) -> bool:
    rows = len(result.scores)
    asr = share(round(result.verdicts.asr.value * rows), rows, error)
    return asr.low <= uninformed_asr(members, result.verdicts.said_member) <= asr.high


def _needed(fpr: float) -> str:
    return f"{100 * fpr:g}% FPR (which takes {fewest_non_members(fpr):,})"
