# twistd -y streamr.tac: the same service as `twistd streamr`; settings from .env or environment
import sys; from pathlib import Path; sys.path.insert(0, str(Path(__file__).parent))
from twisted.application.service import Application
from twisted.logger import ILogObserver
from streamr.service import Options, log_observer, makeService
(options := Options()).parseOptions([])
application = Application("streamr")
makeService(options).setServiceParent(application)
application.setComponent(ILogObserver, log_observer())
