"""Zero-cost proxies: scores of networks that nobody has trained, as objectives, filters and orders to rank by."""

from audionas.proxies.az_nas import ranked
from audionas.proxies.sieve import Sieve, merits
from audionas.proxies.untrained import EXAMPLES, PROXIES, Untrained

__all__ = ["EXAMPLES", "PROXIES", "Sieve", "Untrained", "merits", "ranked"]
