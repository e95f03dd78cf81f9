"""Wrong guards, which the tests of guards make: what is wrong, and a check that must fail."""

from dynanoise_export.validation.check import CheckCode

MISSING, WIDER = "a stated guard that is missing", "a wider guard than the stated one"
NO_COPIES, OTHER_COPIES = "stated copies that are not made", "copies with other offsets than the stated ones"
OF_A_GUARD = {
    MISSING: CheckCode.GUARD_HOLDS,
    WIDER: CheckCode.GUARD_HOLDS,
    NO_COPIES: CheckCode.GUARD_HOLDS,
    OTHER_COPIES: CheckCode.NOTHING_BUT_THE_GUARD,
}
