#!/bin/sh
# Signs a file with the credential whose one-time code comes by e-mail, then refreshes and revokes: email-code.sh FILE
# Reads KYSO_URL (up to /csc/v1), KYSO_USER, KYSO_PASSWORD, KYSO_PIN, and KYSO_MAIL, where a sandbox shows its messages.
set -eu
field() { sed "s/.*\"$1\":\[*\"\([^\"]*\)\".*/\1/"; }
post() { # METHOD BODY [AUTHORIZATION]
  curl -sS --fail-with-body -H 'Content-Type: application/json' ${3:+-H "Authorization: $3"} "$KYSO_URL/$1" -d "$2"
}

basic=$(printf '%s:%s' "$KYSO_USER" "$KYSO_PASSWORD" | base64 -w0)
login=$(post auth/login '{"rememberMe":true}' "Basic $basic")
bearer="Bearer $(printf %s "$login" | field access_token)"

# The credential with an online OTP. (The IDs of Kyso are 22 characters; a real application uses a JSON parser.)
credential=
for id in $(post credentials/list '{}' "$bearer" | grep -o '"[A-Za-z0-9_-]\{22\}"' | tr -d '"'); do
  info=$(post credentials/info "{\"credentialID\":\"$id\",\"authInfo\":true}" "$bearer")
  case $info in *'"type":"online"'*) credential=$id && break ;; esac
done
[ -n "$credential" ] || { echo 'no credential whose code is sent' >&2 && exit 1; }

# The person reads the code in the mailbox: here, wait up to half a minute for one more than there are.
codes() { curl -sS "$KYSO_MAIL" | tr '}' '\n' | grep 'one-time code' | grep -o '\\n *[0-9]\{6\}\\n' | tr -cd '0-9\n'; }
before=$(codes | wc -l)
post credentials/sendOTP "{\"credentialID\":\"$credential\"}" "$bearer"
tries=30
until [ "$(codes | wc -l)" -gt "$before" ]; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || { echo 'no code came' >&2 && exit 1; }
  sleep 1
done
code=$(codes | tail -n 1)

hash=$(openssl dgst -sha384 -binary "$1" | base64 -w0)
sad=$(post credentials/authorize "{\"credentialID\":\"$credential\",\"numSignatures\":1,\"hash\":[\"$hash\"],
  \"PIN\":\"$KYSO_PIN\",\"OTP\":\"$code\"}" "$bearer" | field SAD)
post signatures/signHash "{\"credentialID\":\"$credential\",\"SAD\":\"$sad\",\"hash\":[\"$hash\"],
  \"signAlgo\":\"1.2.840.10045.4.3.3\"}" "$bearer" | field signatures | base64 -d >"$1.sig"
printf '%s' "$info" | field certificates | base64 -d | openssl x509 -inform DER -pubkey -noout >"$1.pub"
openssl dgst -sha384 -verify "$1.pub" -signature "$1.sig" "$1"

# Another access token without the password; the refresh token is good once and comes with the next one.
again=$(post auth/login "{\"rememberMe\":true,\"refresh_token\":\"$(printf %s "$login" | field refresh_token)\"}")
bearer="Bearer $(printf %s "$again" | field access_token)"
post auth/revoke "{\"token\":\"$(printf %s "$again" | field refresh_token)\"}" "$bearer"
echo 'logged out'
