"""Zero-cost proxies: scores of untrained networks, as objectives, as filters, and to rank by."""

from audionas.proxies.az_nas import ranked
from audionas.proxies.sieve import Sieve, merits
from audionas.proxies.untrained import EXAMPLES, PROXIES, Untrained

__all__ = ["EXAMPLES", "PROXIES", "Sieve", "Untrained", "merits", "ranked"]
