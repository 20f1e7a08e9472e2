"""Proof that a network is right on its task at every width: `certify`, the theorem behind it, the certificate."""

from fastrnn.certify.certification import Certification, certify, check_provable, longest
from fastrnn.certify.reachable import Bounds, bounds
from fastrnn.certify.search import Counterexample

__all__ = ["Bounds", "Certification", "Counterexample", "bounds", "certify", "check_provable", "longest"]
