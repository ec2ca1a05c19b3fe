"""``python -m unseen`` is ``unseen``."""

import sys

from unseen.cli import main

sys.exit(main())
