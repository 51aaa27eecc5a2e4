/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver, its device and its wire, for rounds of traffic that are counted.
 *
 *	rings <-> device <-> tap             <-> packet socket, for what is received
 *	rings  -> device  -> tap -> bridge -> dummy, where a device is to consume what is sent
 *
 * Nothing that is lost goes unseen: a round ends when every buffer was used, and fails unless every
 * frame arrived, the last one with its bytes; before the rounds each byte of a batch is compared.
 */
#pragma once

#include "bench_frame.hh"
#include "support/netdev.hh"
#include "support/packet_socket.hh"
#include "support/rig.hh"
#include "support/tap.hh"
#include "worker_clock.hh"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vna::bench
{

enum class Way { tx, rx }; /* as the guest sees it */

struct Load {
	Way way;
	std::size_t bytes; /* of a frame */
	bool indirect;	   /* a table of pages, or one descriptor */
	unsigned batch;
};

struct Cost {
	std::uint64_t path;   /* from the kick to the interrupt, TSC ticks */
	std::uint64_t worker; /* what the workers ran, until they slept again, ns */
};

/* How the driver learns that a buffer was used. */
enum class Wait { interrupt, look };

struct Rate {
	double packets;	    /* a second */
	double worker;	    /* what the workers ran for each, ns */
};

class Station
{
public:
	/* number tells its interfaces from those of others. */
	Station(const std::string &device, unsigned number, std::uint64_t features, bool bridged);

	const std::string &device() const { return device_; }

	/* Puts the frames and buffers of this load in place, and checks one batch byte by byte. */
	void prepare(const Load &load);
	/* One batch: made available at once, kicked, and all used at the interrupt. */
	Cost round();
	/*
	 * For that long, batch after batch of the same load: one packet at a time, the next when
	 * the last was used, or as many as three batches on their way.
	 */
	Rate run(std::chrono::milliseconds time, Wait wait);
	/* What the workers ran in a time without traffic, ns. */
	std::uint64_t idle(std::chrono::milliseconds time);

	void pin(unsigned cpu) const { clock_.pin(cpu); }

private:
	static constexpr unsigned slots = 64;
	static constexpr std::uint64_t page = 4096;
	static constexpr std::uint64_t slot_bytes = 17 * page;

	/* A name of this station's, as "vnatap0". */
	std::string own(const char *what) const { return what + std::to_string(number_); }
	vm::Queue &queue() { return load_.way == Way::tx ? rig_.tx : rig_.rx; }
	void settle() const;
	std::uint64_t arrived() const;
	void send();
	void offer(unsigned count);
	unsigned collect_all();
	void wait_for_used(unsigned count, Wait wait);
	void check_received(unsigned slot, std::uint32_t len);
	driver::Gpa slot(unsigned number) const { return buffers_ + number * slot_bytes; }

	std::string device_;
	unsigned number_;
	std::set<pid_t> others_;
	std::optional<vm::Link> bridge_, sink_;
	vm::Tap tap_;
	vm::Rig rig_;
	WorkerClock clock_;
	vm::UniqueFd sender_;
	driver::Gpa buffers_;
	Load load_{};
	std::vector<BenchFrame> frames_;
	std::vector<driver::Chain> chains_;
};

} /* namespace vna::bench */
