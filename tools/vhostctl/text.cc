// SPDX-License-Identifier: GPL-2.0-only
#include "text.hh"

#include "base/utf8.hh"

namespace vhostctl {

std::string printable(std::string_view text)
{
	static constexpr char digits[] = "0123456789abcdef";
	std::string out;
	while (!text.empty()) {
		std::size_t length = vhostd::utf8_length(text);
		const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
		// U+0000 to U+001F, U+007F to U+009F.
		const bool control = byte(0) < ' ' || byte(0) == 0x7f ||
				     (length == 2 && byte(0) == 0xc2 && byte(1) < 0xa0);
		if (length && !control) {
			out += text.substr(0, length);
		} else {
			length = length ? length : 1;
			for (std::size_t i = 0; i < length; i++)
				out += {'\\', 'x', digits[byte(i) >> 4], digits[byte(i) & 15]};
		}
		text.remove_prefix(length);
	}
	return out;
}

namespace {

constexpr std::size_t columns = 100;

std::string plain(const Json &value)
{
	if (value.is_string())
		return printable(value.get_ref<const std::string &>());
	if (!value.is_array())
		return value.dump();
	std::string all;
	for (const Json &each : value)
		all += (all.empty() ? "" : ",") + plain(each);
	return all.empty() ? "none" : all;
}

class Lines {
public:
	void word(const std::string &word)
	{
		if (!line_.empty() && line_.size() + 1 + word.size() > columns)
			begin(indent_);
		if (line_.find_first_not_of(' ') != std::string::npos)
			line_ += ' ';
		line_ += word;
	}
	// The next line; those that it is too long for have @indent.
	void begin(std::size_t indent)
	{
		if (!line_.empty())
			all_ += line_ + '\n';
		line_ = std::string(indent, ' ');
	}
	void indent(std::size_t indent) { indent_ = indent; }
	std::string end()
	{
		begin(0);
		return std::move(all_);
	}

private:
	std::string all_, line_;
	std::size_t indent_ = 0;
};

// What is left out.  @nested: counters, of which those that count are told, and the first.
bool is_silent(const std::string &key, const Json &value, bool nested)
{
	if (nested)
		return value == Json(0) && key != "packets";
	return value == Json(false) || key == "dev_id" || key == "id"; // which are the handle
}

void put(Lines &lines, const Json &object, std::size_t indent, bool nested)
{
	lines.indent(indent);
	for (const auto &[key, value] : object.items()) {
		if (value.is_object() || is_silent(key, value, nested))
			continue;
		lines.word(value == Json(true) ? key : key + ' ' + plain(value));
	}
	for (const auto &[key, value] : object.items()) {
		if (!value.is_object() || value.empty())
			continue;
		lines.begin(indent);
		lines.word(key);
		put(lines, value, indent + 4, true);
	}
}

} // namespace

std::string text(const std::string &handle, const Json &object)
{
	Lines lines;
	lines.word(printable(handle) + ':');
	put(lines, object, 4, false);
	return lines.end();
}

} // namespace vhostctl
