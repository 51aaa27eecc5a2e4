/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traffic that nobody checks, both ways, to have the device busy while something is done to it.
 * Its frames have an ethertype of their own: the far ends of the tests do not see them.
 */
#pragma once

#include "rig.hh"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace vna::vm
{

inline constexpr std::uint16_t flood_ethertype = 0x88b6;

/* A driver that sends as fast as it can and takes all that comes. It looks; it never waits. */
class GuestFlood
{
public:
	explicit GuestFlood(Rig &rig);
	~GuestFlood() { stop(); }

	/* Until count more buffers have been used; fails the test after patience. */
	void wait_sent(std::uint64_t count);
	void wait_received(std::uint64_t count);

	/* Until a frame of the tests' own ethertype has come in: all before it have, too. */
	void wait_marker();

	/* End the thread. Buffers stay outstanding. */
	void stop();
	/* After stop(): until the device has used every frame that was offered for sending. */
	void drain();

private:
	void run();
	void look_at(driver::Token token);

	Rig &rig_;
	std::vector<driver::Segment> frames_, buffers_;
	std::atomic<std::uint64_t> sent_ = 0, received_ = 0;
	driver::Token first_buffer_ = driver::no_token;
	std::atomic<bool> marked_ = false;
	std::atomic<bool> stop_ = false;
	std::thread thread_;
};

/* Frames into a netdev, as fast as it takes them, whatever becomes of it. */
class HostFlood
{
public:
	explicit HostFlood(const std::string &netdev);
	~HostFlood();

private:
	std::atomic<bool> stop_ = false;
	std::thread thread_;
};

} /* namespace vna::vm */
