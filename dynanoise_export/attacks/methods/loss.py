"""Loss: it is smaller on what a model has learnt."""

from dynanoise_export.attacks.methods.attack import Attack

LOSS = Attack("loss", "Yeom et al. 2018", lambda evidence: evidence.signals.label)
