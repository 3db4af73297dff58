#!/bin/sh
# Makes a certificate once (its CA goes to /tls/ca.pem, which Loket's containers read), then runs Dovecot.
set -eu
cd /tls
if [ ! -e server.pem ]; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=Loket trial CA" -keyout ca.key -out ca.pem 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj "/CN=mail" -keyout server.key -out server.csr 2>/dev/null
    printf 'subjectAltName=DNS:mail\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' >server.ext
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile server.ext -out server.pem 2>/dev/null
    chmod 600 ./*.key
fi
id vmail >/dev/null 2>&1 || useradd --system --create-home --home-dir /mail vmail
chown vmail /mail
printf 'support@loket.example:{PLAIN}%s:::::\n' "$MAILBOX_PASSWORD" >/etc/dovecot/users
cat >/etc/dovecot/dovecot.conf <<CONF
protocols = imap
log_path = /dev/stderr
mail_location = maildir:/mail/%u
mail_uid = vmail
mail_gid = vmail
first_valid_uid = 1
ssl = required
ssl_cert = </tls/server.pem
ssl_key = </tls/server.key
passdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=/mail/%u
}
service imap-login {
  inet_listener imap {
    port = 0
  }
}
CONF
exec dovecot -F
