-- One page of a state that is kept by time: ids and scores after the position (score, id), in
-- the direction given. Answers {id, score, ...}.
local state = ARGV[1]
local newest_first = ARGV[2] == '1'
local score = ARGV[3]
local after = ARGV[4]
local limit = tonumber(ARGV[5])

local MAX_TIES = 10000 -- members of one millisecond that a call steps over

local found, skipped = {}, 0
while #found < 2 * limit and skipped <= MAX_TIES do
  local page
  if newest_first then
    page = redis.call('ZRANGE', key(state), score, '-inf', 'BYSCORE', 'REV', 'LIMIT', skipped,
      limit, 'WITHSCORES')
  else
    page = redis.call('ZRANGE', key(state), score, '+inf', 'BYSCORE', 'LIMIT', skipped, limit,
      'WITHSCORES')
  end
  for i = 1, #page, 2 do
    local beyond = page[i + 1] ~= score or after == ''
      or (newest_first and page[i] < after) or (not newest_first and page[i] > after)
    if beyond and #found < 2 * limit then
      found[#found + 1] = page[i]
      found[#found + 1] = page[i + 1]
    end
  end
  skipped = skipped + limit
  if #page < 2 * limit then break end
end
return found
