-- Times are microseconds since 1970 in UTC. Ids are UUIDv7. Columns named `sealed` or `*_token` hold what customers wrote,
-- as the vault lets it through; nothing else does. Tokens are keyed hashes that include the tenant.
-- In texts, U+0000 is written as U+0001 '0' and U+0001 as U+0001 '1': PostgreSQL takes no U+0000.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The journal. state: 0 pending, 1 filed, 2 quarantined, 3 discarded.
CREATE TABLE delivery (
    id           BLOB PRIMARY KEY,
    tenant       TEXT NOT NULL,
    channel      TEXT NOT NULL,
    key          TEXT NOT NULL,
    received_at  INTEGER NOT NULL,
    media_type   TEXT NOT NULL,
    sealed       BLOB NOT NULL,
    payload_hash BLOB NOT NULL,
    size         INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    next_attempt INTEGER NOT NULL,
    lease_owner  BLOB,
    lease_until  INTEGER,
    error        TEXT
) STRICT;
CREATE UNIQUE INDEX delivery_key ON delivery (tenant, channel, key);
CREATE INDEX delivery_pending ON delivery (id) WHERE state = 0;
CREATE INDEX delivery_aside ON delivery (tenant, received_at, id) WHERE state = 2;

-- The bytes stand apart, so that a change of state does not write them again.
CREATE TABLE payload (
    delivery_id BLOB PRIMARY KEY,
    sealed      BLOB NOT NULL
) STRICT;

CREATE TABLE position (
    tenant  TEXT NOT NULL,
    channel TEXT NOT NULL,
    source  TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (tenant, channel, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
    name  TEXT PRIMARY KEY,
    owner BLOB NOT NULL,
    token INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE customer (
    id         BLOB PRIMARY KEY,
    tenant     TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE address (
    token       BLOB PRIMARY KEY,
    tenant      TEXT NOT NULL,
    customer_id BLOB NOT NULL,
    kind        TEXT NOT NULL,
    sealed      BLOB NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX address_customer ON address (customer_id);

CREATE TABLE counter (
    tenant TEXT NOT NULL,
    name   TEXT NOT NULL,
    value  INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

-- class: 0 inquiry, 1 order, 2 complaint. status: 0 open, 1 closed. `case` is a keyword, hence the plural.
-- participants: 17 bytes each, a letter and 16 more: `c` and a customer's id, or `d` and the token of a company's domain.
CREATE TABLE cases (
    id           BLOB PRIMARY KEY,
    tenant       TEXT NOT NULL,
    number       INTEGER NOT NULL,
    customer_id  BLOB,
    class        INTEGER NOT NULL,
    confidence   REAL NOT NULL,
    review       INTEGER NOT NULL,
    status       INTEGER NOT NULL,
    language     TEXT,
    channel      TEXT NOT NULL,
    opened_at    INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    messages     INTEGER NOT NULL,
    sealed       BLOB NOT NULL,
    participants BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX cases_number ON cases (tenant, number);
CREATE INDEX cases_opened ON cases (tenant, opened_at, id);
CREATE INDEX cases_at_work ON cases (tenant, opened_at, id) WHERE status = 0;
CREATE INDEX cases_unsure ON cases (tenant, opened_at, id) WHERE review = TRUE;
CREATE INDEX cases_class ON cases (tenant, class, opened_at, id);
CREATE INDEX cases_channel ON cases (tenant, channel, opened_at, id);
CREATE INDEX cases_language ON cases (tenant, language, opened_at, id);
CREATE INDEX cases_customer ON cases (customer_id, opened_at, id) WHERE customer_id IS NOT NULL;

CREATE TABLE message (
    id             BLOB PRIMARY KEY,
    tenant         TEXT NOT NULL,
    delivery_id    BLOB NOT NULL,
    part           INTEGER NOT NULL,
    channel        TEXT NOT NULL,
    case_id        BLOB,
    customer_id    BLOB,
    received_at    INTEGER NOT NULL,
    reader         TEXT NOT NULL,
    identity_token BLOB,
    content_hash   BLOB,
    content_token  BLOB,
    domain_token   BLOB,
    sealed         BLOB NOT NULL,
    link           BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_delivery ON message (delivery_id, part);
CREATE INDEX message_case ON message (case_id, id) WHERE case_id IS NOT NULL;
CREATE INDEX message_identity ON message (identity_token, received_at, id) WHERE identity_token IS NOT NULL;
CREATE INDEX message_content ON message (content_token, received_at, id) WHERE content_token IS NOT NULL;

-- Identities that a message answers and that have not come yet: mail does not always arrive in the order it was written.
CREATE TABLE awaited (
    token      BLOB NOT NULL,
    message_id BLOB NOT NULL,
    PRIMARY KEY (token, message_id)
) STRICT, WITHOUT ROWID;

-- What happened, for the record; ids grow with time.
CREATE TABLE event (
    id         BLOB PRIMARY KEY,
    tenant     TEXT NOT NULL,
    at         INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    case_id    BLOB,
    message_id BLOB,
    sealed     BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX event_case ON event (case_id, id) WHERE case_id IS NOT NULL;

CREATE TABLE api_key (
    id         BLOB PRIMARY KEY,
    tenant     TEXT NOT NULL,
    name       TEXT NOT NULL,
    access     INTEGER NOT NULL,
    hash       BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
