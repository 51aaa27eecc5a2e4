// SPDX-License-Identifier: GPL-2.0-only
// A virtqueue of the format that the features ask for.
#pragma once

#include <new>

#include "core/virtqueue/packed.hh"
#include "core/virtqueue/split.hh"

namespace vna {

class Ring {
public:
	Ring() { make(Features()); }
	Ring(const Ring &) = delete;
	Ring &operator=(const Ring &) = delete;

	[[nodiscard]] Virtqueue &get() { return *queue_; }
	[[nodiscard]] const Virtqueue &get() const { return *queue_; }

	[[nodiscard]] static bool packed(Features features)
	{
		return features.has(VNA_VIRTIO_F_RING_PACKED);
	}
	// A change of format keeps what was set up, but the ring begins anew.
	void set_features(Features features)
	{
		if (packed(features) == packed(queue_->setup().features))
			return queue_->set_features(features);
		const Virtqueue::Setup setup = queue_->setup();
		make(features);
		queue_->set_up(setup);
		queue_->set_features(features);
	}
	// As it was made, for the same direction and memory.
	void reset()
	{
		const bool transmits = queue_->setup().transmits;
		Memory::Reader *reader = queue_->setup().translate.reader();
		DirtyLog *log = queue_->log();
		make(Features());
		queue_->set_transmits(transmits);
		queue_->set_memory(reader);
		queue_->set_log(log);
	}

private:
	// Neither format has anything to destroy.
	void make(Features features)
	{
		if (packed(features))
			queue_ = new (&packed_) PackedQueue;
		else
			queue_ = new (&split_) SplitQueue;
	}

	union {
		SplitQueue split_;
		PackedQueue packed_;
	};
	Virtqueue *queue_;
};

} // namespace vna
