-- level: error
-- remedy: alter table ... enable row level security, or grant select on the other columns only
select r.name || '.' || a.attname as object,
  'its name speaks of a secret, and every row is readable by ' || r.readers as detail
from relations r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
where r.relkind in ('r', 'p') and r.in_api and not r.relrowsecurity
  and exists (select from api_roles u where has_column_privilege(u.oid, r.oid, a.attnum, 'select'))
  and replace(lower(a.attname), '-', '_') ~ concat(
    '^(pass(word|wd|phrase)|pwd|otp|ssn|iban|bic|cv[cvn]|imei|mac_?addr(ess)?|jwt|two_factor|treatment'
    '|(api_?|secret_|private_|auth_|session_|pgp_|gpg_|ssh_|license_|activation_)key|certificate'
    '|(\w+_)?(secret|token)|(auth|recovery|backup|verification|2fa|swift)_code|session_id|2fa_secret'
    '|social_security(_number)?|(passport|patient|national|tax)_id|credit_card|bank_account'
    '|(drivers?_)?license(_number)?|(passport|card|account|routing|insurance)_number'
    '|(health|medical)_(record|insurance)|device_uuid|facial_recognition)$'
  )
