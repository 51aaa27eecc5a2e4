// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps a VM alive that QEMU's TCG runs on several CPUs.
 *
 * A kernel that patches its text (static keys, static calls, XDP's dispatcher)
 * writes an int3 first, then the rest, then what replaces the int3, and after each
 * has every CPU synchronise: after the last none can meet the int3 (text_poke_bp()).
 * TCG throws away its translations of what is written just before it writes.
 * Another CPU that translates in between keeps the int3 for good, and the kernel
 * dies of it as of one of nobody's.  (Stale translations of the steps before go with
 * the next step.)
 *
 * Where the memory holds another instruction than the int3 that trapped, that is
 * done here, as the kernel's own handler does while it patches.
 */
#include <linux/kdebug.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <asm/text-patching.h>

static atomic_t count;

static bool emulate(struct pt_regs *regs, unsigned long at)
{
	static const u8 nop5[] = {0x0f, 0x1f, 0x44, 0x00, 0x00}, nop2[] = {0x66, 0x90};
	u8 code[6];
	s32 relative;

	if (copy_from_kernel_nofault(code, (const void *)at, sizeof(code)))
		return false;
	memcpy(&relative, code + 1, sizeof(relative));
	if (!memcmp(code, nop5, sizeof(nop5))) {
		int3_emulate_jmp(regs, at + sizeof(nop5));
	} else if (!memcmp(code, nop2, sizeof(nop2))) {
		int3_emulate_jmp(regs, at + sizeof(nop2));
	} else if (code[0] == JMP32_INSN_OPCODE) {
		int3_emulate_jmp(regs, at + JMP32_INSN_SIZE + relative);
	} else if (code[0] == JMP8_INSN_OPCODE) {
		int3_emulate_jmp(regs, at + JMP8_INSN_SIZE + (s8)code[1]);
	} else if (code[0] == CALL_INSN_OPCODE) {
		int3_emulate_push(regs, at + CALL_INSN_SIZE);
		int3_emulate_jmp(regs, at + CALL_INSN_SIZE + relative);
	} else if (code[0] == RET_INSN_OPCODE) {
		int3_emulate_ret(regs);
	} else if (code[0] == 0x0f && (code[1] & 0xf0) == 0x80) { /* Jcc */
		memcpy(&relative, code + 2, sizeof(relative));
		int3_emulate_jcc(regs, code[1] & 0xf, at + 6, relative);
	} else {
		return false; /* an int3 that is there, or nothing that is patched */
	}
	return true;
}

static int on_die(struct notifier_block *block, unsigned long event, void *data)
{
	struct pt_regs *regs = ((struct die_args *)data)->regs;
	unsigned long at = regs->ip - INT3_INSN_SIZE;

	if (event != DIE_INT3 || user_mode(regs) || !emulate(regs, at))
		return NOTIFY_DONE;
	/* As often as it is met; that it was is worth a line. */
	if (atomic_inc_return(&count) == 1)
		pr_info("stale_int3: done in its stead at %pS\n", (void *)at);
	return NOTIFY_STOP;
}

static struct notifier_block block = {
	.notifier_call = on_die,
	.priority = INT_MAX,
};

static int __init stale_int3_init(void)
{
	return register_die_notifier(&block);
}
module_init(stale_int3_init);

static void __exit stale_int3_exit(void)
{
	unregister_die_notifier(&block);
}
module_exit(stale_int3_exit);

MODULE_DESCRIPTION("Does what an int3 was replaced by where QEMU's TCG still has the int3");
MODULE_LICENSE("GPL");
