// SPDX-License-Identifier: GPL-2.0-only
#include "vhostd/limited_log.hh"

#include <algorithm>

namespace vhostd
{

std::string account_of(const Peer &peer)
{
	return "user " + std::to_string(peer.uid);
}

bool LimitedLog::take(const std::string &who)
{
	Bucket &bucket = bucket_of(who);
	fill(bucket);
	if (!bucket.lines) {
		bucket.left_out++;
		return false;
	}
	bucket.lines--;
	return true;
}

LimitedLog::Bucket &LimitedLog::bucket_of(const std::string &who)
{
	if (const auto found = buckets_.find(who); found != buckets_.end())
		return found->second;
	if (buckets_.size() >= most)
		drop_full();
	const std::string &name = buckets_.size() < most ? who : "others";
	return buckets_.try_emplace(name, Bucket{burst, now_(), 0}).first->second;
}

void LimitedLog::fill(Bucket &bucket) const
{
	const auto lines = (now_() - bucket.filled) / refill;
	bucket.filled += lines * refill;
	bucket.lines = static_cast<unsigned>(std::min<std::int64_t>(bucket.lines + lines, burst));
}

void LimitedLog::drop_full()
{
	for (auto &[who, bucket] : buckets_)
		fill(bucket);
	std::erase_if(buckets_, [](const auto &each) {
		return each.second.lines == burst && !each.second.left_out;
	});
}

void LimitedLog::tell()
{
	for (auto &[who, bucket] : buckets_) {
		if (bucket.left_out)
			spdlog::warn("{}: {} more like this were not logged", who, bucket.left_out);
		bucket.left_out = 0;
	}
	drop_full();
}

} // namespace vhostd
