"""Which loopback address stands for which host, and the ports, which are the same on each."""

EDGE = "127.0.1.1"
CADDY = "127.0.1.2"
WEB = ("127.0.2.1", "127.0.3.1")
DATABASE = ("127.0.4.1", "127.0.5.1")
ETCD = "127.0.6.1"
VALKEY = ("127.0.7.1", "127.0.8.1", "127.0.9.1")

HTTP, HTTPS = 21080, 21443
WEB_PORT = 21800
POOLER = 21632
TO_PRIMARY = 21532
POSTGRES = 21432
PATRONI = 21808
ETCD_CLIENT, ETCD_PEER = 21379, 21380
CADDY_HTTP, CADDY_HTTPS, CADDY_ADMIN = 21081, 21444, 21019
ACME_DIRECTORY, ACME_MANAGEMENT = 21140, 21150
NAME_SERVER, NAME_SERVER_MANAGEMENT = 21053, 21055

SITE_HOST = "tokengate.test"
PASSWORD = "drill's p@ss/w:rd#"  # nosec B105  # of a database that the drill makes and deletes
