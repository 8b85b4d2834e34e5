-- Compares the body with its signed digest. Needs body.lua of all policies, and digest_in of the form.

local function wrong_body(handle, one)
  local told = one.covers[one.digest] and joined(handle:headers(), one.digest)
  local text, refused
  if not is_tunnel(handle:headers()) then text, refused = body_as_sent(handle) end
  if refused then return refused end
  if not text and not told then return nil end
  if not told then return one.digest .. " is not signed" end
  local digest = digest_in(told)
  if not digest then return one.digest .. " holds no SHA-256" end
  return not is_same(digest, sha256_bytes(text or "")) and "it is not what " .. one.digest .. " says" or nil
end
