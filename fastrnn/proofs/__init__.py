"""Proof that a network is right on its task at every width: `certify`, the theorem behind it, the certificate."""

from fastrnn.proofs.certification import Certification, certify, check_provable, longest
from fastrnn.proofs.reachable import Bounds, bounds
from fastrnn.proofs.search import Counterexample

__all__ = ["Bounds", "Certification", "Counterexample", "bounds", "certify", "check_provable", "longest"]
