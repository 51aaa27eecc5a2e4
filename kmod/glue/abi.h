/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seam between the C++ core, which decides, and the C glue, which
 * translates: two lists, what the core offers and what it needs.
 *
 * Neither kernel nor C++ library headers may be included here.  Functions which
 * can fail return 0 (or a count) or a negative errno.  A "user address" is an
 * address in the owner's address space and is never dereferenced by the core.
 *
 * Contexts:  P  process context, may sleep;
 *            O  as P, and in the owner's address space: an ioctl of the owner,
 *               or the worker;
 *            W  the worker that serves the queue;
 *            A  any context, also with interrupts off.
 * Locks:     the device lock is taken before a queue lock, and queue locks in
 *            ascending order.  Nothing in context A takes either.
 */
#ifndef VNA_ABI_H
#define VNA_ABI_H

#ifdef __cplusplus
extern "C" {
#endif

typedef __UINT8_TYPE__ vna_u8;
typedef __UINT16_TYPE__ vna_u16;
typedef __UINT32_TYPE__ vna_u32;
typedef __INT32_TYPE__ vna_s32;
/* The kernel's u64 is unsigned long long, std::uint64_t is unsigned long. */
typedef unsigned long long vna_u64;

struct vna_core; /* a device, opaque to C */
struct vna_env; /* what surrounds it, opaque to C++ */
struct vna_eventfd; /* a reference to a call or error eventfd */
struct vna_kick; /* a kick eventfd that is being polled */
struct vna_backend; /* a tap or packet socket bound to one queue */
struct vna_inflight; /* frames sent by reference whose pages are still in use */

/* A piece of the owner's memory; has the layout of struct iovec. */
struct vna_segment {
	vna_u64 addr; /* user address */
	vna_u64 len; /* bytes */
};

/* Settings of a device, from the module's parameters when it is opened. */
struct vna_config {
	vna_u32 max_mem_regions;
	vna_u32 rx_batch; /* frames or buffers handled at a time, 1 … VNA_MAX_BATCH */
	vna_u32 tx_batch;
	vna_u32 can_fork; /* nonzero: a worker may be one of the owner's threads */
	vna_u32 fork_from_owner; /* nonzero: it is, unless the owner says otherwise */
	vna_u32 zerocopy_min; /* bytes from which frames are sent by reference; 0: none is */
	vna_u32 tunnel_gso; /* nonzero: taps take the header that UDP tunnels need */
	vna_u32 busypoll_us; /* most that a queue is looked at when it ran dry; 0: not at all */
};

#define VNA_MAX_BATCH 64
#define VNA_MAX_IN_FLIGHT 64
/* The most workers of a device, and with it what a worker's number is below. */
#define VNA_MAX_WORKERS 16
/* Bytes of the longest virtio-net header, a multiple of 8. */
#define VNA_NET_HEADER_MAX 24

/* What of a device may be set while it runs. */
struct vna_settings {
	vna_u32 rx_batch; /* 1 … VNA_MAX_BATCH */
	vna_u32 tx_batch;
	vna_u32 weight_packets; /* 1 … VNA_MAX_WEIGHT_PACKETS */
	vna_u32 weight_bytes; /* VNA_MIN_WEIGHT_BYTES … VNA_MAX_WEIGHT_BYTES */
	vna_u32 zerocopy_min; /* as in vna_config */
	vna_u32 poll_mode; /* enum vna_poll_mode */
	vna_u32 poll_us;
};

#define VNA_MAX_WEIGHT_PACKETS 65536
#define VNA_MIN_WEIGHT_BYTES (64 << 10)
#define VNA_MAX_WEIGHT_BYTES (64 << 20)

/* The numbers of linux/vhost_net_alt.h. */
enum vna_poll_mode {
	VNA_POLL_OFF,
	VNA_POLL_FIXED,
	VNA_POLL_ADAPTIVE,
};

enum vna_device_state {
	VNA_DEVICE_OPENED,
	VNA_DEVICE_OWNED,
	VNA_DEVICE_RUNNING,
	VNA_DEVICE_STOPPED,
};

enum vna_queue_state {
	VNA_QUEUE_OFF,
	VNA_QUEUE_RUNNING,
	VNA_QUEUE_STOPPED,
};

/* What there is to show of a device, and of one of its queues. */
struct vna_device_info {
	vna_u32 id;
	enum vna_device_state state;
	vna_u64 features; /* bits 0 to 63 */
	vna_u64 features_high; /* and 64 to 127 */
	vna_u32 regions; /* of guest memory */
	struct vna_settings settings;
};

struct vna_queue_info {
	vna_u8 transmits;
	vna_u8 packed;
	vna_u8 in_order;
	enum vna_queue_state state;
	const char *rule; /* whose breach stopped it, or NULL */
	const char *rule_text;
	vna_u32 size; /* entries of its ring */
	vna_u32 worker; /* its number */
	vna_u32 base; /* as VHOST_GET_VRING_BASE has it, after the last turn */
};

/* Why a queue is to be looked at. */
enum vna_event {
	VNA_EVENT_KICK, /* the driver's notification */
	VNA_EVENT_BACKEND, /* frames wait, or there is room again */
	VNA_EVENT_COMPLETED, /* a frame in flight has landed */
};

/* One frame on its way out, with the header the backend expects in front. */
struct vna_tx_frame {
	const struct vna_segment *segs;
	vna_u32 nsegs;
	vna_u32 len; /* bytes in all segments */
	vna_u32 header; /* bytes of it that are a virtio-net header: 0, 10, 12 or 24 */
	vna_s32 result; /* out: bytes taken, or -errno */
};

/* Where one frame on its way in goes, the next of those that were taken. */
struct vna_rx_frame {
	const struct vna_segment *segs;
	vna_u32 nsegs;
	vna_u32 len; /* bytes that it needs of segs: virtio-net header and frame */
	vna_u32 header; /* bytes of that header: 10, 12 or 24 */
	vna_u16 blank; /* nonzero: the backend knows no header, so it is all zeros */
	vna_u16 num_buffers; /* for the header's field of that name; 0: there is none */
	vna_s32 result; /* out: bytes with the header, also where that exceeds len, or -errno */
};

/* ---- What the core offers --------------------------------------------- */

/* Bytes that vna_core_create() needs, aligned as kvmalloc() aligns.  A */
unsigned long vna_core_size(void);
/* Constructs a device in zeroed @mem.  P */
struct vna_core *vna_core_create(void *mem, struct vna_env *env, const struct vna_config *config);
/* The last reference to the descriptor is gone: gives everything back.  P */
void vna_core_destroy(struct vna_core *core);
/* An ioctl on the device's descriptor; @arg as passed by the user.  P */
long vna_core_ioctl(struct vna_core *core, vna_u32 cmd, vna_u64 arg);
/* @queue has something to do; wakes its worker where that is news.  A */
void vna_core_event(struct vna_core *core, vna_u32 queue, enum vna_event event);
/* Nonzero while vna_core_work() would find something to do.  A */
int vna_core_has_work(const struct vna_core *core, vna_u32 worker);
/*
 * Serves each queue of @worker's that has something to do for at most one
 * weight's worth.  Returns nonzero if there is more; the caller lets others run
 * between.  W
 */
int vna_core_work(struct vna_core *core, vna_u32 worker);
/* @worker died with its process, and will not work again.  A */
void vna_core_worker_killed(struct vna_core *core, vna_u32 worker);

/*
 * Messages of the device IOTLB: what a read() gives, VNA_MESSAGE_BYTES, or -EAGAIN if there
 * is none now, -EBADFD if there can be none; what a write() had, at most as many.  0 or
 * -errno.  P
 */
#define VNA_MESSAGE_BYTES 72
int vna_core_read_message(struct vna_core *core, void *message);
int vna_core_write_message(struct vna_core *core, const void *message, unsigned long len);
/* Positive while there is one to be read, negative while there can be none.  A */
int vna_core_has_message(const struct vna_core *core);

/* The feature bits that the owner has set, @word 0 the first 64, 1 the others.  A */
vna_u64 vna_core_features(const struct vna_core *core, vna_u32 word);
/* Counters: @queue < vna_core_queues(), @counter < vna_core_counters().  A */
vna_u32 vna_core_queues(void);
const char *vna_core_queue_name(vna_u32 queue);
vna_u32 vna_core_counters(void);
const char *vna_core_counter_name(vna_u32 counter);
vna_u64 vna_core_counter(const struct vna_core *core, vna_u32 queue, vna_u32 counter);
/* "off", "running", or the name of the rule whose breach stopped @queue.  A */
const char *vna_core_queue_state(const struct vna_core *core, vna_u32 queue);

/* What there is to show, which costs the device nothing.  A */
void vna_core_show(const struct vna_core *core, struct vna_device_info *info);
void vna_core_show_queue(const struct vna_core *core, vna_u32 queue, struct vna_queue_info *info);
/* How many rules there are, one's name, and how often @queue's ring broke it.  A */
vna_u32 vna_core_rules(void);
vna_u64 vna_core_broken(const struct vna_core *core, vna_u32 queue, vna_u32 rule);
/* All settings at once: 0, or -EINVAL and nothing is changed.  A */
int vna_core_set(struct vna_core *core, const struct vna_settings *settings);

/*
 * VHOST_NET_ALT_BIND of the backend @fd, or -1, by one who need not be the owner;
 * @returned as in struct vhost_net_alt_bind.  P
 */
long vna_core_bind(struct vna_core *core, vna_s32 fd, vna_u32 *returned);

/* All devices.  The caller keeps others out of all of these.  P */

/* Gives the device an id; -ENOSPC if none is left. */
int vna_core_register(struct vna_core *core);
/* Only then others cannot find it any more. */
void vna_core_unregister(struct vna_core *core);
/* The surroundings of the device with @id, or the next higher one; or NULL. */
struct vna_env *vna_core_at_or_after(vna_u32 id);
/* The one with the next higher id than @core's, or NULL. */
struct vna_env *vna_core_after(const struct vna_core *core);
struct vna_env *vna_core_env(struct vna_core *core);
/* Another number after each device that came or went, never 0. */
vna_u32 vna_core_generation(void);

/* ---- What the core needs: memory -------------------------------------- */

/* Zeroed memory charged to the caller's cgroup, or NULL.  P */
void *vna_env_alloc(unsigned long size);
void vna_env_free(void *mem);
/* Nonzero if [addr, addr + len) lies in user space as far as its bounds go. */
int vna_env_user_ok(vna_u64 addr, vna_u64 len);
/* 0 or -EFAULT; nothing is promised of what was copied before a fault.  O */
int vna_env_copy_from_user(void *to, vna_u64 from, unsigned long len);
int vna_env_copy_to_user(vna_u64 to, const void *from, unsigned long len);
/*
 * As above in one access each, which is what ring indices, flags and used
 * descriptors need; a u64 is aligned.  O
 */
int vna_env_get_u16(vna_u16 *to, vna_u64 from);
int vna_env_put_u16(vna_u64 to, vna_u16 value);
int vna_env_put_u64(vna_u64 to, vna_u64 value);
/*
 * Up to @n packed descriptors, of 16 bytes, in order and of each the half with the
 * flags, its last 16 bits, first: as long as flags & @mask is @want.  Returns how
 * many, or -EFAULT if the first cannot be read.  O
 */
int vna_env_copy_available(void *to, vna_u64 from, vna_u32 n, vna_u16 mask, vna_u16 want);
/*
 * Sets bits in words of 64 bits: those of @bits[i] in word @words[i] behind @base, which
 * is aligned to one.  Each word at once, as others change it too, and after all that was
 * written before.  -EFAULT.  O
 */
int vna_env_set_bits(vna_u64 base, const vna_u64 *words, const vna_u64 *bits, vna_u32 n);
/* @values to @at bytes behind @to each, all within @span bytes, one access each.  O */
int vna_env_scatter_u64(vna_u64 to, vna_u64 span, const vna_u32 *at, const vna_u64 *values,
			vna_u32 n);

/* ---- locks, the owner and the workers --------------------------------- */

void vna_env_lock_device(struct vna_env *env);
void vna_env_unlock_device(struct vna_env *env);
void vna_env_lock_queue(struct vna_env *env, vna_u32 queue);
void vna_env_unlock_queue(struct vna_env *env, vna_u32 queue);
/*
 * The same for who is not to wait for the owner for ever, whose page may be missing under either
 * lock: nonzero, what the ioctl is to return, if a signal came first.
 */
int vna_env_lock_device_unless_signal(struct vna_env *env);
int vna_env_lock_queue_unless_signal(struct vna_env *env, vna_u32 queue);

/* Makes the caller the owner.  -EINVAL for who has no memory.  P */
int vna_env_owner_attach(struct vna_env *env);
/*
 * Stops all workers and lets go of the owner; without an owner, nothing.  No
 * event comes any more.  P
 */
void vna_env_owner_detach(struct vna_env *env);
/* Nonzero if the caller's address space is the owner's.  P */
int vna_env_owner_is_current(struct vna_env *env);
/*
 * Starts @worker in the caller's address space, with its cgroups, CPUs and
 * limits: as one of its threads if @fork (see vna_config), else as a kernel
 * thread.  -ENOMEM, or that a signal is to be handled first.  O
 */
int vna_env_worker_start(struct vna_env *env, vna_u32 worker, int fork);
/* Waits for its end, while events may come; no queue is locked.  P */
void vna_env_worker_stop(struct vna_env *env, vna_u32 worker);
/*
 * Has @worker call vna_core_work() soon; nothing where there is none of that
 * number, any more.  A
 */
void vna_env_worker_wake(struct vna_env *env, vna_u32 worker);

/* Wakes those who wait for vna_core_has_message().  P */
void vna_env_message_wake(struct vna_env *env);

/* ---- waiting by looking ------------------------------------------------ */

/* Nonzero if what the worker waits for may come meanwhile, from another CPU.  W */
int vna_env_can_poll(void);
/* Nanoseconds, from anywhere but 0; they may go back a little.  W */
vna_u64 vna_env_now(void);
/* A moment's rest.  Nonzero if someone else wants this CPU.  W */
int vna_env_relax(void);

/* ---- eventfds ---------------------------------------------------------- */

/* -EBADF, or -EINVAL for what is no eventfd.  P */
int vna_env_eventfd_open(vna_s32 fd, struct vna_eventfd **out);
void vna_env_eventfd_close(struct vna_eventfd *event);
void vna_env_eventfd_signal(struct vna_eventfd *event);
/*
 * Polls the eventfd @fd from now on: VNA_EVENT_KICK for each write, and one at
 * once if it was written to before.  -EBADF, -EINVAL, -ENOMEM.  P
 */
int vna_env_kick_open(struct vna_env *env, vna_u32 queue, vna_s32 fd, struct vna_kick **out);
/* No event comes after this returns.  P */
void vna_env_kick_close(struct vna_kick *kick);

/* ---- backends ----------------------------------------------------------
 *
 * Everything below is called with the queue's lock held, so a backend needs no
 * lock of its own against the core.
 */

/*
 * Looks @fd up, once, and takes a reference if it is a tap, a macvtap or an
 * AF_PACKET SOCK_RAW socket: -ENOTSOCK for anything else.  -ENOMEM.  P
 */
int vna_env_backend_open(struct vna_env *env, vna_u32 queue, vna_s32 fd, struct vna_backend **out);
/*
 * Whether a driver that was set up for frames of @a can take those of @b:
 * -EOPNOTSUPP if @b leaves to it what @a does not.  P
 */
int vna_env_backend_suits(struct vna_backend *a, struct vna_backend *b);
/* Nonzero if both are the same open file. */
int vna_env_backend_same(const struct vna_backend *a, const struct vna_backend *b);
/*
 * Polls from now on: VNA_EVENT_BACKEND for frames that arrive (on the receive
 * queue) or room that appears (on the transmit queue), and one at once if there
 * are any.  -EINVAL if the backend is dead, -ENOMEM.  P
 */
int vna_env_backend_attach(struct vna_backend *backend);
/* Undoes attach; frames taken but not received go back or are freed.  P */
void vna_env_backend_detach(struct vna_backend *backend);
void vna_env_backend_close(struct vna_backend *backend);

/*
 * Receive: takes up to @max frames and writes their lengths in bytes (without
 * any virtio header) to @lens, in order.  They are the backend's "taken" frames
 * until received or freed; only called when none is.  Returns how many.  W
 */
vna_u32 vna_env_backend_consume(struct vna_backend *backend, vna_u32 *lens, vna_u32 max);
/* Whether there are more to take.  W */
int vna_env_backend_has_frames(struct vna_backend *backend);
/*
 * Writes the next @n taken frames to their segments, in order, and is done with
 * them.  Stops behind one whose result is not its len; returns how many were
 * done, that one among them.  W
 */
vna_u32 vna_env_backend_receive(struct vna_backend *backend, struct vna_rx_frame *frames,
				vna_u32 n);
/* Frees the next @n taken frames unseen.  W */
void vna_env_backend_free(struct vna_backend *backend, vna_u32 n);

/*
 * Transmit: sends @frames in order until one meets -EAGAIN, which is not among
 * the number returned.  A frame that is refused counts as done: see its result.
 * W
 */
vna_u32 vna_env_backend_send(struct vna_backend *backend, struct vna_tx_frame *frames, vna_u32 n);
/*
 * After -EAGAIN: makes sure that VNA_EVENT_BACKEND comes when there is room.
 * Nonzero if there is room already and no event will come.  W
 */
int vna_env_backend_want_room(struct vna_backend *backend);

/* ---- telling others ---------------------------------------------------- */

/* Something of what vna_core_show() tells has changed; with the device lock.  P */
void vna_env_changed(struct vna_env *env);
/* @queue was stopped for a breach of @rule, which @text explains; with its lock.  W */
void vna_env_queue_stopped(struct vna_env *env, vna_u32 queue, const char *rule, const char *text);

/*
 * Nonzero while anyone listens to what the three behind it tell: buffers found, buffers
 * shown to the driver with the descriptors that they took, and whether the driver was
 * interrupted.  Else they need not be called.  W
 */
extern vna_u32 vna_env_traced;
void vna_env_trace_fetch(struct vna_env *env, vna_u32 queue, vna_u32 buffers);
void vna_env_trace_complete(struct vna_env *env, vna_u32 queue, vna_u32 buffers,
			    vna_u32 descriptors);
void vna_env_trace_signal(struct vna_env *env, vna_u32 queue, int sent);

/*
 * A device by its id, for a caller who has CAP_NET_ADMIN in its network namespace, and
 * who puts it soon: its close waits for that.  -ENODEV, -EPERM.  P
 */
int vna_env_find(vna_u32 id, struct vna_core **out);
void vna_env_put(struct vna_core *core);

/* ---- frames sent by reference ------------------------------------------
 *
 * A frame in flight refers to the owner's pages until whoever has it lets go:
 * soon, or never.  Each has a slot.  Slots belong to a queue, not to a backend,
 * which may go first.
 */

/*
 * VNA_MAX_IN_FLIGHT slots, all of them free, for @queue, whose owner calls: he is
 * charged for what their frames pin (RLIMIT_MEMLOCK).  -ENOMEM.  O
 */
int vna_env_inflight_open(struct vna_env *env, vna_u32 queue, struct vna_inflight **out);
/* Lets go of the slots: frames in flight stay so, and are told of no more.  P */
void vna_env_inflight_close(struct vna_inflight *inflight);
/*
 * The slots, a bit each, whose frames have landed since the last call: these are
 * free.  @copied: those whose pages had to be copied on the way.  P
 */
vna_u64 vna_env_inflight_reap(struct vna_inflight *inflight, vna_u64 *copied);
/* Waits for all frames to land, or @ms, or a signal that kills; nonzero if they have.  P */
int vna_env_inflight_wait(struct vna_inflight *inflight, vna_u32 ms);

/* Nonzero if the backend takes frames by reference. */
int vna_env_backend_refers(const struct vna_backend *backend);
/*
 * Sends one frame, of 512 bytes at least, by reference; @slot is free.  On success
 * VNA_EVENT_COMPLETED tells when it has landed, maybe before this returns.  Else
 * the slot is free and the frame not sent: -EAGAIN as above; -EMSGSIZE,
 * -EDQUOT, -EFAULT if it lies in too many pages, more than the owner may lock, or
 * in what cannot be referred to, so that a copy may do; another error if the
 * backend refused it.  W
 */
int vna_env_backend_send_reference(struct vna_backend *backend, struct vna_inflight *inflight,
				   vna_u32 slot, const struct vna_tx_frame *frame);

/* ---- the rest ---------------------------------------------------------- */

/* One line in the kernel's log, rate limited, naming the owner.  A */
void vna_env_log(struct vna_env *env, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A broken invariant of the core itself.  Does not return. */
void vna_env_bug(const char *what);

#ifdef __cplusplus
}
#endif
#endif
