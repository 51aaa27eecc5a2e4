/* SPDX-License-Identifier: GPL-2.0-only */
#include "xdp.hh"

#include "frame.hh"
#include "ktap.hh"
#include "netdev.hh"

#include <cstring>
#include <linux/if_link.h>
#include <sys/syscall.h>

namespace vna::vm::xdp
{

namespace
{

/* Of the frame's context; the others are scratch. */
constexpr std::uint8_t context = BPF_REG_6;

bpf_insn instruction(unsigned code, unsigned to, unsigned from, int offset, int immediate)
{
	bpf_insn insn{};
	insn.code = static_cast<std::uint8_t>(code);
	insn.dst_reg = to & 0xf;
	insn.src_reg = from & 0xf;
	insn.off = static_cast<std::int16_t>(offset);
	insn.imm = immediate;
	return insn;
}

bpf_insn set(unsigned to, int value)
{
	return instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

bpf_insn copy(unsigned to, unsigned from)
{
	return instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

bpf_insn add(unsigned to, int value)
{
	return instruction(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value);
}

bpf_insn call(int helper)
{
	return instruction(BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

bpf_insn load(unsigned size, unsigned to, unsigned from, int offset)
{
	return instruction(BPF_LDX | BPF_MEM | size, to, from, offset, 0);
}

bpf_insn store(unsigned size, unsigned to, int offset, int value)
{
	return instruction(BPF_ST | BPF_MEM | size, to, 0, offset, value);
}

bpf_insn end()
{
	return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Skip so many instructions where the register has, or compared with the other is, this. */
bpf_insn skip_if_zero(unsigned what, int count)
{
	return instruction(BPF_JMP | BPF_JEQ | BPF_K, what, 0, count, 0);
}

bpf_insn skip_if_above(unsigned what, unsigned other, int count)
{
	return instruction(BPF_JMP | BPF_JGT | BPF_X, what, other, count, 0);
}

bpf_insn skip_if_not_above(unsigned what, unsigned other, int count)
{
	return instruction(BPF_JMP | BPF_JLE | BPF_X, what, other, count, 0);
}

Code joined(Code code, const Code &rest)
{
	code.insert(code.end(), rest.begin(), rest.end());
	return code;
}

/* Register 2 is where the frame begins, 3 where it ends, 4 so many bytes after its beginning. */
Code frame_bounds(unsigned bytes)
{
	return {
		load(BPF_W, BPF_REG_2, context, offsetof(xdp_md, data)),
		load(BPF_W, BPF_REG_3, context, offsetof(xdp_md, data_end)),
		copy(BPF_REG_4, BPF_REG_2),
		add(BPF_REG_4, static_cast<int>(bytes)),
	};
}

Code moves_the_front(int bytes)
{
	return {
		copy(BPF_REG_1, context),	set(BPF_REG_2, bytes),
		call(BPF_FUNC_xdp_adjust_head), skip_if_zero(BPF_REG_0, 2),
		set(BPF_REG_0, XDP_ABORTED),	end(),
	};
}

int bpf(bpf_cmd command, bpf_attr &attr)
{
	return static_cast<int>(syscall(SYS_bpf, command, &attr, sizeof(attr)));
}

} /* namespace */

Code returns(xdp_action action)
{
	return {set(BPF_REG_0, action), end()};
}

Code redirects_to(const std::string &netdev)
{
	return {
		set(BPF_REG_1, index_of(netdev)),
		set(BPF_REG_2, 0),
		call(BPF_FUNC_redirect),
		end(),
	};
}

Code redirects_by(int devmap_fd)
{
	return {
		instruction(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, devmap_fd),
		instruction(0, 0, 0, 0, 0),
		set(BPF_REG_2, 0),
		set(BPF_REG_3, XDP_ABORTED),
		call(BPF_FUNC_redirect_map),
		end(),
	};
}

Code drops_odd(const Code &rest)
{
	const Code code =
		joined(frame_bounds(ethernet_header + 1),
		       {
			       skip_if_above(BPF_REG_4, BPF_REG_3, 5),
			       load(BPF_B, BPF_REG_5, BPF_REG_2, ethernet_header),
			       instruction(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_5, 0, 0, 1),
			       skip_if_zero(BPF_REG_5, 2),
			       set(BPF_REG_0, XDP_DROP),
			       end(),
		       });
	return joined(code, rest);
}

bool is_dropped(const std::vector<std::byte> &frame)
{
	return frame.size() > ethernet_header &&
	       std::to_integer<unsigned>(frame[ethernet_header]) & 1;
}

Code puts_in_front(unsigned bytes, const Code &rest)
{
	std::vector<std::byte> front(bytes);
	const auto header = make_frame(ethernet_header, 0);
	CHECK(bytes % 2 == 0 && bytes >= header.size());
	std::copy(header.begin(), header.end(), front.begin());

	Code code = joined(moves_the_front(-static_cast<int>(bytes)), frame_bounds(bytes));
	code.push_back(skip_if_not_above(BPF_REG_4, BPF_REG_3, 2));
	code.push_back(set(BPF_REG_0, XDP_ABORTED));
	code.push_back(end());
	for (unsigned at = 0; at < bytes; at += 2) {
		std::uint16_t value;
		std::memcpy(&value, &front[at], sizeof(value));
		code.push_back(store(BPF_H, BPF_REG_2, static_cast<int>(at), value));
	}
	return joined(code, rest);
}

Code takes_from_front(unsigned bytes, const Code &rest)
{
	return joined(moves_the_front(static_cast<int>(bytes)), rest);
}

UniqueFd devmap_of(const std::string &netdev)
{
	bpf_attr map{};
	map.map_type = BPF_MAP_TYPE_DEVMAP;
	map.key_size = 4;
	map.value_size = 4;
	map.max_entries = 1;
	UniqueFd fd(bpf(BPF_MAP_CREATE, map));
	CHECK(fd.get() >= 0, "%s", std::strerror(errno));

	const std::uint32_t slot = 0;
	const int index = index_of(netdev);
	bpf_attr element{};
	element.map_fd = static_cast<std::uint32_t>(fd.get());
	element.key = reinterpret_cast<std::uintptr_t>(&slot);
	element.value = reinterpret_cast<std::uintptr_t>(&index);
	CHECK(!bpf(BPF_MAP_UPDATE_ELEM, element), "%s", std::strerror(errno));
	return fd;
}

Program::Program(const std::string &netdev, Mode mode, const Code &code)
{
	const Code all = joined({copy(context, BPF_REG_1)}, code);
	std::vector<char> said(16384);
	bpf_attr program{};
	program.prog_type = BPF_PROG_TYPE_XDP;
	program.insns = reinterpret_cast<std::uintptr_t>(all.data());
	program.insn_cnt = static_cast<std::uint32_t>(all.size());
	program.license = reinterpret_cast<std::uintptr_t>("GPL");
	program.log_level = 1;
	program.log_buf = reinterpret_cast<std::uintptr_t>(said.data());
	program.log_size = static_cast<std::uint32_t>(said.size());
	program_.reset(bpf(BPF_PROG_LOAD, program));
	CHECK(program_.get() >= 0, "%s: %s", std::strerror(errno), said.data());

	bpf_attr link{};
	link.link_create.prog_fd = static_cast<std::uint32_t>(program_.get());
	link.link_create.target_ifindex = static_cast<std::uint32_t>(index_of(netdev));
	link.link_create.attach_type = BPF_XDP;
	link.link_create.flags = mode == Mode::driver ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	link_.reset(bpf(BPF_LINK_CREATE, link));
	CHECK(link_.get() >= 0, "%s: %s", netdev.c_str(), std::strerror(errno));
}

} /* namespace vna::vm::xdp */
