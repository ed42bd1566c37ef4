/**
 * What runs within the server, as a whole each time: finding, storing, and the purges of all instances, which are
 * checked in the same step.
 *
 * The log of purges is a sorted set. Scores are numbers of purges: `seq` has the last one, `floor` that below which
 * everything is gone, `prefix` that of the last purge by prefix, and each purged thing its own. The first number is the
 * server's time in microseconds, so that a log which was lost (a restart, an eviction) begins above all numbers of the
 * one before; its `floor` then says that everything older is gone. An answer carries the number up to which it was
 * checked, and is checked again only if there are newer ones. Prefixes are in a second set; if that was lost, `last`
 * is missing in it, and what is older than the last purge by prefix is gone.
 *
 * Servers without room (`noeviction`) refuse to write: a find goes on without its notes, a store is refused, and a
 * purge deletes the log, which is the purge of everything.
 */
import { cryptoLibrary } from "../../base/crypto-library.ts";
import { mark, maxPieces } from "./stored-head.ts";

/** A script, and by what the server knows it. */
export interface Script {
  readonly text: string;
  readonly hash: string;
}

/** How long pieces of a body that is replaced or removed stay for those who read it. */
export const graceMs = 60_000;

/** How long pieces stay whose answer is not stored yet. */
export const uploadMs = 600_000;

const maxPurges = 20_000;
const maxPrefixes = 1_000;

/** KEYS: 1 the answer, 2 the log, 3 the prefixes. ARGV 1: what the keys of pieces begin with. */
const common = `
local answerKey, log, prefixes, pieceKey = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function lastPurge()
  local seq = redis.call('ZSCORE', log, 'seq')
  if seq then return seq end
  seq = string.format('%.0f', clock[1] * 1000000 + clock[2])
  local done = redis.pcall('ZADD', log, seq, 'seq', seq, 'floor')
  if type(done) == 'table' then return '0' end
  return seq
end

local function verdict(url, tags, position)
  local floor = redis.call('ZSCORE', log, 'floor')
  if not floor or position < tonumber(floor) then return 2 end
  local isSoft = 0
  local function concerns(member)
    local score = redis.call('ZSCORE', log, member)
    return score and tonumber(score) > position
  end
  local function check(thing)
    if concerns('h' .. thing) then return true end
    if concerns('s' .. thing) then isSoft = 1 end
    return false
  end
  if check('a') or check('u' .. redis.sha1hex(url)) then return 2 end
  for _, tag in ipairs(tags) do
    if check('t' .. redis.sha1hex(tag)) then return 2 end
  end
  local last = redis.call('ZSCORE', log, 'prefix')
  if last and tonumber(last) > position then
    if redis.call('ZSCORE', prefixes, 'last') ~= last then return 2 end
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', prefixes, '(' .. string.format('%.0f', position), '+inf')) do
      if member ~= 'last' and string.sub(url, 1, #member - 1) == string.sub(member, 2) then
        if string.sub(member, 1, 1) == 'h' then return 2 end
        isSoft = 1
      end
    end
  end
  return isSoft
end

local function isAnswer(value)
  return type(value) == 'string' and #value >= 95 and string.sub(value, 1, 4) == '${mark}'
    and struct.unpack('>I4', value, 68) <= ${maxPieces}
end

local function factsOf(value)
  local keyBytes, answerBytes, factsBytes = struct.unpack('>I4I4I4', value, 84)
  local from = 96 + keyBytes + answerBytes
  local url, tags = nil, {}
  for fact in string.gmatch(string.sub(value, from, from + factsBytes - 1), '([^\\n]*)\\n') do
    if url then tags[#tags + 1] = fact else url = fact end
  end
  return url or '', tags
end

local function eachPiece(value, run)
  local id, count = string.sub(value, 46, 67), struct.unpack('>I4', value, 68)
  for at = 0, count - 1 do run(pieceKey .. id .. ':' .. at) end
  return count
end

local function keepPieces(value, ms)
  local kept = 0
  local count = eachPiece(value, function(key) kept = kept + redis.call('PEXPIRE', key, ms) end)
  return kept == count
end

local function touchPieces(value)
  local found = 0
  local count = eachPiece(value, function(key) found = found + redis.call('TOUCH', key) end)
  return found == count
end

local function dropAnswer(value)
  redis.call('UNLINK', answerKey)
  if isAnswer(value) then keepPieces(value, ${graceMs}) end
end

local function digits(text) return string.rep('0', 16 - #text) .. text end
`;

/** Gives the server's time and the last purge, and the value if there is one that is whole and not purged. */
const find = `${common}
local seq = lastPurge()
local value = redis.pcall('GET', answerKey)
if not value then return {now, seq} end
if not isAnswer(value) then
  dropAnswer(value)
  return {now, seq}
end
local isPurged = 0
local checked = string.sub(value, 6, 21)
if seq == '0' or not tonumber(checked) then
  isPurged = 2
elseif checked ~= digits(seq) then
  local url, tags = factsOf(value)
  isPurged = verdict(url, tags, tonumber(checked))
end
if isPurged == 2 or not touchPieces(value) then
  dropAnswer(value)
  return {now, seq}
end
if checked ~= digits(seq) then
  if isPurged == 1 then value = string.sub(value, 1, 4) .. '1' .. string.sub(value, 6) end
  redis.pcall('SETRANGE', answerKey, 4, string.sub(value, 5, 5) .. digits(seq))
end
return {now, seq, value}
`;

/** ARGV: 2 the value, 3 milliseconds to keep it, 4 the last purge when its fetch began. Gives 1 if it is stored. */
const store = `${common}
local value, ms, position = ARGV[2], ARGV[3], tonumber(ARGV[4])
local seq = lastPurge()
local url, tags = factsOf(value)
local isPurged = position > tonumber(seq) and 2 or verdict(url, tags, position)
if isPurged == 2 or not keepPieces(value, ms + ${graceMs}) then return 0 end
local before = redis.pcall('GETRANGE', answerKey, 0, 94)
local done = redis.pcall('SET', answerKey,
  '${mark}' .. isPurged .. digits(seq) .. string.format('%016.0f', now) .. string.sub(value, 38), 'PX', ms)
if done['err'] then return done end
if isAnswer(before) then keepPieces(before, ${graceMs}) end
return 1
`;

/** ARGV: 2 the value without its body, 3 milliseconds, 4 the last purge when its body was found. The id must be that. */
const refresh = `${common}
local front, ms, position = ARGV[2], ARGV[3], tonumber(ARGV[4])
local value = redis.pcall('GET', answerKey)
if not isAnswer(value) or string.sub(value, 46, 67) ~= string.sub(front, 46, 67) then return 0 end
local seq = lastPurge()
local url, tags = factsOf(front)
local isPurged = position > tonumber(seq) and 2 or verdict(url, tags, position)
if isPurged == 2 or not keepPieces(value, ms + ${graceMs}) then
  dropAnswer(value)
  return 0
end
local keyBytes, answerBytes, factsBytes = struct.unpack('>I4I4I4', value, 84)
local done = redis.pcall('SET', answerKey,
  '${mark}' .. isPurged .. digits(seq) .. string.format('%016.0f', now) .. string.sub(front, 38)
    .. string.sub(value, 96 + keyBytes + answerBytes + factsBytes), 'PX', ms)
if done['err'] then return done end
return 1
`;

/** Deletes the value; its pieces stay for a while. */
const remove = `${common}
dropAnswer(redis.pcall('GETRANGE', answerKey, 0, 94))
return 1
`;

/** KEYS 1: a piece. ARGV: its key without its number, its number, that of the last one. Keeps what follows it alive. */
const read = `
local value = redis.pcall('GET', KEYS[1])
if type(value) ~= 'string' then return false end
local at, last = tonumber(ARGV[2]), tonumber(ARGV[3])
if at < last and redis.call('PTTL', ARGV[1] .. (at + 1)) < ${graceMs} then
  for next = at + 1, last do redis.call('PEXPIRE', ARGV[1] .. next, ${2 * graceMs}) end
end
return value
`;

/** KEYS: 2 the log, 3 the prefixes. ARGV: 2 h or s, 3 the kind as one letter, 4 the value. Gives the number. */
const purge = `${common}
local strength, kind, thing = ARGV[2], ARGV[3], ARGV[4]
local function forget(set, count)
  local last = redis.call('ZRANGE', set, count - 1, count - 1, 'WITHSCORES')
  redis.call('ZREMRANGEBYRANK', set, 0, count - 1)
  return tonumber(last[2])
end
local function add()
  lastPurge()
  local seq = redis.call('ZINCRBY', log, 1, 'seq')
  local floor = tonumber(redis.call('ZSCORE', log, 'floor'))
  local last = redis.call('ZSCORE', log, 'prefix')
  if kind == 'a' and strength == 'h' then
    redis.call('UNLINK', log, prefixes)
    floor, last = tonumber(seq), false
  elseif kind == 'p' then
    last = seq
    redis.call('ZADD', prefixes, seq, strength .. thing)
    if redis.call('ZCARD', prefixes) > ${maxPrefixes} then floor = math.max(floor, forget(prefixes, ${maxPrefixes / 10})) end
    redis.call('ZADD', prefixes, seq, 'last')
  else
    redis.call('ZADD', log, seq, strength .. kind .. (kind == 'a' and '' or redis.sha1hex(thing)))
    if redis.call('ZCARD', log) > ${maxPurges} then floor = math.max(floor, forget(log, ${maxPurges / 10})) end
  end
  redis.call('ZADD', log, seq, 'seq', string.format('%.0f', floor), 'floor')
  if last then redis.call('ZADD', log, last, 'prefix') end
  return seq
end
local isDone, seq = pcall(add)
if isDone then return seq end
redis.call('UNLINK', log, prefixes)
return 'everything'
`;

const scriptOf = (text: string): Script => ({
  text,
  hash: cryptoLibrary().createHash("sha1").update(text).digest("hex"),
});

/** All scripts. */
export const scripts = {
  find: scriptOf(find),
  store: scriptOf(store),
  refresh: scriptOf(refresh),
  remove: scriptOf(remove),
  read: scriptOf(read),
  purge: scriptOf(purge),
} as const;
