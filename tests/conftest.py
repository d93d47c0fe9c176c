from tests.support import house, live, manual_house

__all__ = ["house", "live", "manual_house"]
