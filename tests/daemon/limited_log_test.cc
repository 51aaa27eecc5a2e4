// SPDX-License-Identifier: GPL-2.0-only
// Nobody can fill the log, or hide in it what somebody else does: on a clock of the test's.
#include "vhostd/limited_log.hh"

#include <gtest/gtest.h>

#include "log_capture.hh"

using namespace vhostd;
using namespace std::chrono_literals;

namespace
{

class LimitedLogTest : public testing::Test
{
protected:
	void warn(const std::string &who, unsigned times)
	{
		for (unsigned i = 0; i < times; i++)
			log.warn(who, "{}: refused", who);
	}

	LogCapture capture;
	LimitedLog::Clock::time_point now{};
	LimitedLog log{[this] { return now; }};
};

} // namespace

TEST_F(LimitedLogTest, FewLinesAreAllLogged)
{
	warn("user 1", LimitedLog::burst);
	log.tell();
	EXPECT_EQ(capture.count("user 1: refused"), LimitedLog::burst);
	EXPECT_EQ(capture.lines(), LimitedLog::burst);
}

TEST_F(LimitedLogTest, OfManyTheNumberIsTold)
{
	warn("user 1", 1000);
	EXPECT_EQ(capture.lines(), LimitedLog::burst);
	log.tell();
	EXPECT_EQ(capture.count("user 1: 990 more like this were not logged"), 1u);
	log.tell();
	EXPECT_EQ(capture.lines(), LimitedLog::burst + 1);
}

TEST_F(LimitedLogTest, ALineIsToBeHadAgainAfterAWhile)
{
	warn("user 1", 1000);
	now += LimitedLog::refill - 1ms;
	warn("user 1", 10);
	EXPECT_EQ(capture.count("refused"), LimitedLog::burst);
	now += 1ms;
	warn("user 1", 10);
	EXPECT_EQ(capture.count("refused"), LimitedLog::burst + 1);
	// No more than at first, however long it was quiet.
	now += 1000h;
	warn("user 1", 1000);
	EXPECT_EQ(capture.count("refused"), 2 * LimitedLog::burst + 1);
}

// Of a day of it, with a word every so often.
TEST_F(LimitedLogTest, ADayOfRubbishIsFewLines)
{
	for (const auto end = now + 24h; now < end; now += 1s) {
		warn("user 1", 50);
		if (now.time_since_epoch() % 10s == 0s)
			log.tell();
	}
	EXPECT_LE(capture.lines(), LimitedLog::burst + 2 * 24 * 360);
}

TEST_F(LimitedLogTest, WhoIsLoudHidesNobody)
{
	warn("user 1", 1000);
	warn("user 2", 1);
	EXPECT_EQ(capture.count("user 2: refused"), 1u);
}

TEST_F(LimitedLogTest, ManyUsersShareOneBucket)
{
	for (unsigned user = 0; user < 10000; user++)
		warn("user " + std::to_string(user), 2);
	EXPECT_EQ(capture.lines(), 2 * LimitedLog::most + LimitedLog::burst);
	log.tell();
	EXPECT_EQ(capture.count("others: "), 1u);
	// Those who are quiet make room.
	now += 2 * LimitedLog::refill;
	warn("user 20000", 1);
	EXPECT_EQ(capture.count("user 20000: refused"), 1u);
}

TEST_F(LimitedLogTest, WhatIsNotWantedCostsNothing)
{
	for (unsigned i = 0; i < 1000; i++)
		log.debug("user 1", "gone");
	warn("user 1", 1);
	EXPECT_EQ(capture.lines(), 1u);
}
