"""Warnings: what makes the audit itself unsound, and whether the defence holds against an attacker who knows it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dynanoise_export.attacks.asking.cache_key import key_path
from dynanoise_export.attacks.asking.response_cache import ResponseCache, cached_answers
from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.audit import Audit
from dynanoise_export.attacks.metrics.accuracy import uninformed_asr
from dynanoise_export.attacks.metrics.roc import non_members_needed
from dynanoise_export.attacks.results import FPRS, Result, ThresholdOrigin
from dynanoise_export.attacks.utility import Utility
from dynanoise_export.defences.guards.guard import Guard, changed_rows
from dynanoise_export.intervals import LEVEL, Interval, proportion
from dynanoise_export.shadow_stores import ShadowStore
from dynanoise_export.types import Arrays, row_count

# Between these shares of members, ASR and balanced accuracy mean the same.
BALANCED = (0.45, 0.55)
FEW_SHADOWS = 16
# Shadow models whose accuracy differs from the target's by more were trained in another way.
SAME_ACCURACY = 0.1
# A difference between two attackers' AUCs that is more than chance, and the share of a fall that counts as undone.
FALL, UNDONE = 0.02, 0.5


class WarningCode(StrEnum):
    """The warnings of `attack`. Programs look at the code; the sentence may change at any time."""

    ANSWERS_FROM_CACHE = "answers-from-cache"
    CACHE_NOT_SIGNED = "cache-not-signed"
    CACHE_WITHOUT_KEY = "cache-without-key"
    OUTPUTS_BYPASS_DEFENCE = "outputs-bypass-defence"
    UNBALANCED_SETS = "unbalanced-sets"
    ROWS_DIFFER_WITHOUT_MODEL = "rows-differ-without-model"
    ROWS_NOT_COMPARED = "rows-not-compared"
    TOO_FEW_NON_MEMBERS = "too-few-non-members"
    NO_SHADOW_MODELS = "no-shadow-models"
    FEW_SHADOW_MODELS = "few-shadow-models"
    SHADOW_MODELS_DIFFER = "shadow-models-differ"
    THRESHOLD_FROM_JUDGED_ROWS = "threshold-from-judged-rows"
    CONSTANT_SCORES = "constant-scores"
    WORSE_THAN_CHANCE = "worse-than-chance"
    ASR_OF_THE_SPLIT = "asr-of-the-split"
    DEFENCE_UNDONE = "defence-undone"
    NOISE_AVERAGED_OUT = "noise-averaged-out"
    CHOSEN_QUERIES = "chosen-queries"
    MODELS_NOT_KEPT = "models-not-kept"
    GUARD_CHANGES_ROWS = "guard-changes-rows"


@dataclass(frozen=True)
class AuditWarning:
    """A reason not to trust a figure, or not to trust the defence.

    Attributes:
        code: which warning it is.
        text: one or two sentences for people.
    """

    code: WarningCode
    text: str

    def __str__(self) -> str:
        return self.text


def cache_warnings(caches: Sequence[ResponseCache]) -> Iterator[AuditWarning]:
    """Say what came from the caches of an earlier run, and what was not used."""
    cached = cached_answers(caches)
    if cached is not None:
        yield AuditWarning(
            WarningCode.ANSWERS_FROM_CACHE,
            f"{cached.count:,} answers come from the cache of an earlier run, written from {cached.oldest} to "
            f"{cached.newest}: delete its folder to send the queries again.",
        )
    refused = sorted({name for cache in caches for name in cache.refused})
    if refused:
        yield AuditWarning(
            WarningCode.CACHE_NOT_SIGNED,
            f"{len(refused)} cached files are not signed by this user's runs, or were changed, and were not used "
            f"({', '.join(refused)}).",
        )
    if any(cache.without_key for cache in caches):
        yield AuditWarning(
            WarningCode.CACHE_WITHOUT_KEY,
            f"No answers were cached: the key that signs them can't be kept in {key_path()}, where this user alone "
            "may read and write it.",
        )


def leak_warnings(leaking: Sequence[str]) -> Iterator[AuditWarning]:
    """Warn of outputs that bypass the defence, given by name."""
    if leaking:
        text = f"These outputs bypass the defence: {', '.join(leaking)}."
        yield AuditWarning(WarningCode.OUTPUTS_BYPASS_DEFENCE, text)


def guard_warnings(guard: Guard | None, inputs: Arrays) -> Iterator[AuditWarning]:
    """Warn of a guard that changes rows of the audit: what shadow models answered to them is then no evidence."""
    if guard is not None and guard.copies > 1:
        yield AuditWarning(
            WarningCode.GUARD_CHANGES_ROWS,
            f"With the guard {guard.kind} the model answers {guard.copies} copies of each row, and the stored answers "
            "of shadow models are those to the rows themselves, so attacks that read them may look weak: go by those "
            "that ask shadow models.",
        )
        return
    changed = 0 if guard is None else changed_rows(guard, inputs)
    if guard is not None and changed:
        yield AuditWarning(
            WarningCode.GUARD_CHANGES_ROWS,
            f"The guard {guard.kind} changes {changed:,} of {row_count(inputs):,} rows, and the stored answers of "
            "shadow models are those to the rows as they are, so attacks may look weak: fit the guard to these rows.",
        )


def row_warnings(audit: Audit, blind: Interval | None, *, compared: bool = True) -> Iterator[AuditWarning]:
    """Judge the rows of an audit.

    Args:
        audit: the rows.
        blind: the AUC of an attack that never queries the model; None if there were too few rows for it.
        compared: whether that attack could run at all.
    """
    members = audit.member_share
    if not BALANCED[0] <= members <= BALANCED[1]:
        least, slope = uninformed_asr(members, 0.0), uninformed_asr(members, 1.0) - uninformed_asr(members, 0.0)
        yield AuditWarning(
            WarningCode.UNBALANCED_SETS,
            f"The sets are unbalanced: {members:.0%} of the rows are members. An attack that knows nothing and calls a "
            f"share q of the rows members has an ASR of {least:.2f} {slope:+.2f}·q, so read the balanced accuracy.",
        )
    if blind is not None and blind.low > 0.5:
        yield AuditWarning(
            WarningCode.ROWS_DIFFER_WITHOUT_MODEL,
            "Members and non-members differ even without the model: an attack on their values and labels alone has an "
            f"AUC of {blind}. All figures are too high for that reason.",
        )
    if not compared:
        yield AuditWarning(
            WarningCode.ROWS_NOT_COMPARED,
            "Nobody checked whether members and non-members differ even without the model, which would raise all "
            "figures: that takes scikit-learn, which the extra torch brings.",
        )
    refused = [fpr for fpr in FPRS if audit.non_members < non_members_needed(fpr)]
    if refused:
        needed = ", ".join(f"{100 * fpr:g}% FPR (needs {non_members_needed(fpr):,})" for fpr in refused)
        yield AuditWarning(
            WarningCode.TOO_FEW_NON_MEMBERS,
            f"{audit.non_members:,} non-members are too few to measure the TPR at {needed}.",
        )


def shadow_warnings(store: ShadowStore | None, defended: Utility) -> Iterator[AuditWarning]:
    """Judge the shadow models by their number and by the target's accuracy."""
    if store is None:
        yield AuditWarning(
            WarningCode.NO_SHADOW_MODELS,
            "There are no shadow models (--shadows), so the strongest attacks were skipped. Real attackers can train "
            "their own.",
        )
        return
    if len(store.kept) < FEW_SHADOWS:
        yield AuditWarning(
            WarningCode.FEW_SHADOW_MODELS,
            f"There are only {len(store.kept)} shadow models: LiRA and RMIA are stronger with {FEW_SHADOWS} or more.",
        )
    stated = [model.get("accuracy_others") for model in store.record["models"].values()]
    if all(isinstance(accuracy, float) for accuracy in stated):
        theirs, own = sum(stated) / len(stated), defended.accuracy.value
        if abs(theirs - own) > SAME_ACCURACY:
            yield AuditWarning(
                WarningCode.SHADOW_MODELS_DIFFER,
                f"The shadow models have an accuracy of {theirs:.1%} on rows that they were not trained on, the model "
                f"of {own:.1%}. Shadow models that are unlike the target make attacks look weak.",
            )


def result_warnings(results: Sequence[Result], members: float) -> Iterator[AuditWarning]:
    """Judge results.

    Args:
        results: of all attacks on the model.
        members: the share of members among the judged rows.
    """
    flattered = sorted({r.attack.name for r in results if r.threshold is ThresholdOrigin.JUDGED_ROWS})
    if flattered:
        yield AuditWarning(
            WarningCode.THRESHOLD_FROM_JUDGED_ROWS,
            f"The thresholds of these attacks were fitted on the judged rows, which flatters their accuracy: "
            f"{'; '.join(flattered)}. With enough shadow models they are fitted on those.",
        )
    constant = sorted({f"{r.attack.name} ({r.attacker.name})" for r in results if r.constant})
    if constant:
        yield AuditWarning(
            WarningCode.CONSTANT_SCORES,
            "These attacks gave all rows the same score, so their balanced accuracy of exactly 0.5 is that of a "
            f"constant answer: {'; '.join(constant)}.",
        )
    for result in results:
        if result.auc.high < 0.5 - FALL:
            yield AuditWarning(
                WarningCode.WORSE_THAN_CHANCE,
                f"{result.attack.name} ({result.attacker.name}) is wrong more often than right: with its scores "
                f"inverted, its AUC is {1 - result.auc.value:.3f}.",
            )
    if not BALANCED[0] <= members <= BALANCED[1] and _all_uninformed(results, members):
        yield AuditWarning(
            WarningCode.ASR_OF_THE_SPLIT,
            "Every ASR here is that of an attack that calls as many rows members without looking at them: these "
            "figures measure the split, not privacy.",
        )


def attacker_warnings(without: Sequence[Result], defended: Sequence[Result]) -> Iterator[AuditWarning]:
    """Judge whether the defence holds against attackers who know it.

    Args:
        without: the results on the undefended model.
        defended: the results on the defended model.
    """
    plain = _strongest(without, lambda attacker: True)
    naive = _strongest(defended, lambda attacker: not attacker.adaptive)
    once = _strongest(defended, lambda attacker: attacker.adaptive and not attacker.plan and attacker.queries == 1)
    most = _strongest(defended, lambda attacker: attacker.adaptive and not attacker.plan)
    if plain is None or naive is None or once is None or most is None:
        return
    fall = plain.auc.value - naive.auc.value
    if fall > FALL and once.auc.value - naive.auc.value > UNDONE * fall:
        yield AuditWarning(
            WarningCode.DEFENCE_UNDONE,
            f"The defence lowers the AUC of the naive attacker from {plain.auc.value:.3f} to {naive.auc.value:.3f}, "
            f"but an attacker who knows it has {once.auc.value:.3f} with one answer: most of the gain comes from a "
            "step that can be undone, such as dividing by a temperature.",
        )
    left = plain.auc.value - once.auc.value
    if left > FALL and most.auc.value - once.auc.value > UNDONE * left:
        yield AuditWarning(
            WarningCode.NOISE_AVERAGED_OUT,
            f"Several answers remove the noise: the AUC rises from {once.auc.value:.3f} with one answer to "
            f"{most.auc.value:.3f} ({most.attacker.name}).",
        )


def chosen_warnings(results: Sequence[Result], store: ShadowStore | None) -> Iterator[AuditWarning]:
    """Say what attackers who choose their queries get beyond the others, and whether they could be stronger."""
    if store is not None and not store.models:
        yield AuditWarning(
            WarningCode.MODELS_NOT_KEPT,
            f"{store.path} keeps no models, so they answered no chosen queries: the attackers who choose their queries "
            "are much weaker here than they could be. Make the store again without --no-models.",
        )
    chosen = _strongest(results, lambda attacker: attacker.plan != "")
    rows = _strongest(results, lambda attacker: attacker.plan == "")
    if chosen is not None and rows is not None and chosen.auc.value - rows.auc.value > FALL:
        yield AuditWarning(
            WarningCode.CHOSEN_QUERIES,
            f"Who chooses his queries gets an AUC of {chosen.auc.value:.3f} ({chosen.attacker.name}, "
            f"{chosen.attacker.queries} for each row); who sends the rows themselves gets {rows.auc.value:.3f}.",
        )


def _strongest(results: Sequence[Result], choose: Callable[[Attacker], bool]) -> Result | None:
    return max((r for r in results if choose(r.attacker)), key=lambda result: result.auc.value, default=None)


def _all_uninformed(results: Sequence[Result], members: float) -> bool:
    # All intervals must hold together, so each may fail only that much more rarely.
    error = (1 - LEVEL) / max(len(results), 1)
    return all(_uninformed(r, members, error) for r in results)


def _uninformed(result: Result, members: float, error: float) -> bool:
    rows = len(result.scores)
    asr = proportion(round(result.verdicts.asr.value * rows), rows, error)
    return asr.low <= uninformed_asr(members, result.verdicts.called_members) <= asr.high
