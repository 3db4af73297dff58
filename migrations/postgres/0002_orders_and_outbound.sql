-- What goes out. state: 0 waiting, 1 sent, 2 failed, 3 withheld. `said` is what the other side said, or why it did not work.
CREATE TABLE outbound (
    id             UUID PRIMARY KEY,
    tenant         TEXT NOT NULL,
    sender         TEXT NOT NULL,
    kind           TEXT NOT NULL,
    key            TEXT COLLATE "C" NOT NULL,
    case_id        UUID,
    message_id     UUID,
    delivery_id    UUID,
    created_at     BIGINT NOT NULL,
    state          SMALLINT NOT NULL,
    attempts       INTEGER NOT NULL,
    next_attempt   BIGINT NOT NULL,
    lease_owner    UUID,
    lease_until    BIGINT,
    sent_at        BIGINT,
    prepared_at    BIGINT,
    identity_token BYTEA,
    address_token  BYTEA,
    sealed         BYTEA NOT NULL,
    prepared       BYTEA,
    said           BYTEA
);
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
    id          UUID PRIMARY KEY,
    tenant      TEXT NOT NULL,
    case_id     UUID NOT NULL,
    message_id  UUID NOT NULL UNIQUE,
    customer_id UUID,
    revision    INTEGER NOT NULL,
    kind        SMALLINT NOT NULL,
    status      SMALLINT NOT NULL,
    received_at BIGINT NOT NULL,
    lines_hash  BYTEA NOT NULL,
    po_token    BYTEA,
    order_token BYTEA,
    decision    BYTEA
);
CREATE INDEX orders_listed ON orders (tenant, received_at, id);
CREATE INDEX orders_status ON orders (tenant, status, received_at, id);
CREATE INDEX orders_case ON orders (case_id, id);
CREATE INDEX orders_customer ON orders (customer_id, received_at, id) WHERE customer_id IS NOT NULL;
CREATE INDEX orders_po ON orders (po_token, received_at, id) WHERE po_token IS NOT NULL;
CREATE INDEX orders_identity ON orders (order_token, received_at, id) WHERE order_token IS NOT NULL;

-- What was deleted and must not come back: tokens of identities with their contents, and of contents.
CREATE TABLE tombstone (
    token BYTEA PRIMARY KEY,
    at    BIGINT NOT NULL
);
