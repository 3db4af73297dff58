-- What goes out. state: 0 waiting, 1 sent, 2 failed, 3 withheld. `said` is what the other side said, or why it did not work.
CREATE TABLE outbound (
    id             BLOB PRIMARY KEY,
    tenant         TEXT NOT NULL,
    sender         TEXT NOT NULL,
    kind           TEXT NOT NULL,
    key            TEXT NOT NULL,
    case_id        BLOB,
    message_id     BLOB,
    delivery_id    BLOB,
    created_at     INTEGER NOT NULL,
    state          INTEGER NOT NULL,
    attempts       INTEGER NOT NULL,
    next_attempt   INTEGER NOT NULL,
    lease_owner    BLOB,
    lease_until    INTEGER,
    sent_at        INTEGER,
    prepared_at    INTEGER,
    identity_token BLOB,
    address_token  BLOB,
    sealed         BLOB NOT NULL,
    prepared       BLOB,
    said           BLOB
) STRICT;
CREATE UNIQUE INDEX outbound_key ON outbound (tenant, key);
CREATE INDEX outbound_waiting ON outbound (tenant, sender, next_attempt, id) WHERE state = 0;
CREATE INDEX outbound_failed ON outbound (tenant, created_at, id) WHERE state = 2;
CREATE INDEX outbound_listed ON outbound (tenant, created_at, id);
CREATE INDEX outbound_case ON outbound (case_id, id) WHERE case_id IS NOT NULL;
CREATE INDEX outbound_identity ON outbound (identity_token) WHERE identity_token IS NOT NULL;
CREATE INDEX outbound_address ON outbound (address_token, prepared_at) WHERE address_token IS NOT NULL;

-- Revisions of orders, one for each message that holds one; the order itself is in its message. kind: 0 new, 1 change, 2 cancel.
-- status: 0 open, 1 accepted, 2 changed, 3 rejected, 4 cancelled, 5 superseded.
CREATE TABLE orders (
    id          BLOB PRIMARY KEY,
    tenant      TEXT NOT NULL,
    case_id     BLOB NOT NULL,
    message_id  BLOB NOT NULL UNIQUE,
    customer_id BLOB,
    revision    INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    lines_hash  BLOB NOT NULL,
    po_token    BLOB,
    order_token BLOB,
    decision    BLOB
) STRICT;
CREATE INDEX orders_listed ON orders (tenant, received_at, id);
CREATE INDEX orders_status ON orders (tenant, status, received_at, id);
CREATE INDEX orders_case ON orders (case_id, id);
CREATE INDEX orders_customer ON orders (customer_id, received_at, id) WHERE customer_id IS NOT NULL;
CREATE INDEX orders_po ON orders (po_token, received_at, id) WHERE po_token IS NOT NULL;
CREATE INDEX orders_identity ON orders (order_token, received_at, id) WHERE order_token IS NOT NULL;

-- What was deleted and must not come back: tokens of identities with their contents, and of contents.
CREATE TABLE tombstone (
    token BLOB PRIMARY KEY,
    at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
