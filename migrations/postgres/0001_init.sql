-- Times are microseconds since 1970 in UTC. Ids are UUIDv7. Columns named `sealed` or `*_token` hold what customers wrote,
-- as the vault lets it through; nothing else does. Tokens are keyed hashes that include the tenant.
-- In texts, U+0000 is written as U+0001 '0' and U+0001 as U+0001 '1': PostgreSQL takes no U+0000.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);

-- The journal. state: 0 pending, 1 filed, 2 quarantined, 3 discarded.
CREATE TABLE delivery (
    id           UUID PRIMARY KEY,
    tenant       TEXT NOT NULL,
    channel      TEXT NOT NULL,
    key          TEXT COLLATE "C" NOT NULL,
    received_at  BIGINT NOT NULL,
    media_type   TEXT NOT NULL,
    sealed       BYTEA NOT NULL,
    payload_hash BYTEA NOT NULL,
    size         BIGINT NOT NULL,
    state        SMALLINT NOT NULL,
    attempts     INTEGER NOT NULL,
    next_attempt BIGINT NOT NULL,
    lease_owner  UUID,
    lease_until  BIGINT,
    error        TEXT
);
CREATE UNIQUE INDEX delivery_key ON delivery (tenant, channel, key);
CREATE INDEX delivery_pending ON delivery (id) WHERE state = 0;
CREATE INDEX delivery_aside ON delivery (tenant, received_at, id) WHERE state = 2;

-- The bytes stand apart, so that a change of state does not write them again.
CREATE TABLE payload (
    delivery_id UUID PRIMARY KEY,
    sealed      BYTEA NOT NULL
);

CREATE TABLE position (
    tenant  TEXT NOT NULL,
    channel TEXT NOT NULL,
    source  TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (tenant, channel, source)
);

CREATE TABLE lease (
    name  TEXT PRIMARY KEY,
    owner UUID NOT NULL,
    token BIGINT NOT NULL,
    until BIGINT NOT NULL
);

CREATE TABLE customer (
    id         UUID PRIMARY KEY,
    tenant     TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE address (
    token       BYTEA PRIMARY KEY,
    tenant      TEXT NOT NULL,
    customer_id UUID NOT NULL,
    kind        TEXT NOT NULL,
    sealed      BYTEA NOT NULL,
    created_at  BIGINT NOT NULL
);
CREATE INDEX address_customer ON address (customer_id);

CREATE TABLE counter (
    tenant TEXT NOT NULL,
    name   TEXT NOT NULL,
    value  BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- class: 0 inquiry, 1 order, 2 complaint. status: 0 open, 1 closed. `case` is a keyword, hence the plural.
-- participants: 17 bytes each, a letter and 16 more: `c` and a customer's id, or `d` and the token of a company's domain.
CREATE TABLE cases (
    id           UUID PRIMARY KEY,
    tenant       TEXT NOT NULL,
    number       BIGINT NOT NULL,
    customer_id  UUID,
    class        SMALLINT NOT NULL,
    confidence   DOUBLE PRECISION NOT NULL,
    review       BOOLEAN NOT NULL,
    status       SMALLINT NOT NULL,
    language     TEXT,
    channel      TEXT NOT NULL,
    opened_at    BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    messages     INTEGER NOT NULL,
    sealed       BYTEA NOT NULL,
    participants BYTEA NOT NULL
);
CREATE UNIQUE INDEX cases_number ON cases (tenant, number);
CREATE INDEX cases_opened ON cases (tenant, opened_at, id);
CREATE INDEX cases_at_work ON cases (tenant, opened_at, id) WHERE status = 0;
CREATE INDEX cases_unsure ON cases (tenant, opened_at, id) WHERE review = TRUE;
CREATE INDEX cases_class ON cases (tenant, class, opened_at, id);
CREATE INDEX cases_channel ON cases (tenant, channel, opened_at, id);
CREATE INDEX cases_language ON cases (tenant, language, opened_at, id);
CREATE INDEX cases_customer ON cases (customer_id, opened_at, id) WHERE customer_id IS NOT NULL;

CREATE TABLE message (
    id             UUID PRIMARY KEY,
    tenant         TEXT NOT NULL,
    delivery_id    UUID NOT NULL,
    part           INTEGER NOT NULL,
    channel        TEXT NOT NULL,
    case_id        UUID,
    customer_id    UUID,
    received_at    BIGINT NOT NULL,
    reader         TEXT NOT NULL,
    identity_token BYTEA,
    content_hash   BYTEA,
    content_token  BYTEA,
    domain_token   BYTEA,
    sealed         BYTEA NOT NULL,
    link           BYTEA NOT NULL
);
CREATE UNIQUE INDEX message_delivery ON message (delivery_id, part);
CREATE INDEX message_case ON message (case_id, id) WHERE case_id IS NOT NULL;
CREATE INDEX message_identity ON message (identity_token, received_at, id) WHERE identity_token IS NOT NULL;
CREATE INDEX message_content ON message (content_token, received_at, id) WHERE content_token IS NOT NULL;

-- Identities that a message answers and that have not come yet: mail does not always arrive in the order it was written.
CREATE TABLE awaited (
    token      BYTEA NOT NULL,
    message_id UUID NOT NULL,
    PRIMARY KEY (token, message_id)
);

-- What happened, for the record; ids grow with time.
CREATE TABLE event (
    id         UUID PRIMARY KEY,
    tenant     TEXT NOT NULL,
    at         BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    case_id    UUID,
    message_id UUID,
    sealed     BYTEA NOT NULL
);
CREATE INDEX event_case ON event (case_id, id) WHERE case_id IS NOT NULL;

CREATE TABLE api_key (
    id         UUID PRIMARY KEY,
    tenant     TEXT NOT NULL,
    name       TEXT NOT NULL,
    access     SMALLINT NOT NULL,
    hash       BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
