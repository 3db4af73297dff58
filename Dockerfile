# Two stages: build with the Rust image, run on a small Debian. Build it with: docker build -t loket .
FROM rust:1.95-bookworm AS build
WORKDIR /src
# AS2's S/MIME is made with OpenSSL.
RUN apt-get update && apt-get install -y --no-install-recommends libssl-dev pkg-config && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cargo build --locked --release --bin loket

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /var/lib/loket --create-home loket
COPY --from=build /src/target/release/loket /usr/bin/loket
COPY config/ /usr/share/loket/config/
COPY docs/ /usr/share/doc/loket/
USER loket
WORKDIR /var/lib/loket
ENV LOKET_CONFIG=/etc/loket/loket.toml
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["loket"]
CMD ["run"]
