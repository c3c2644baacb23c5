#include "http/chunked.hpp"

#include "http/ascii.hpp"
#include "http/member_list.hpp"

#include <algorithm>

namespace tiercel {
namespace {

constexpr std::size_t most_overhead = 8 * 1024;

int hex_value(char c) noexcept
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool is_text(char c) noexcept
{
    const auto u = static_cast<unsigned char>(c);
    return u == '\t' || (u >= 0x20 && u != 0x7f);
}

}  // namespace

bool chunk_decoder::step(char c) noexcept
{
    switch (at_) {
    case at::size_start:
    case at::size: {
        const int v = hex_value(c);
        if (v >= 0) {
            if (++digits_ > 16) {   // so 64 bits are enough
                return false;
            }
            left_ = left_ * 16 + static_cast<std::uint64_t>(v);
            at_ = at::size;
            return true;
        }
        if (at_ == at::size_start) {
            return false;
        }
        if (c == '\r') {
            at_ = at::size_lf;
            return true;
        }
        at_ = c == ';' ? at::extension : at::size_blank;
        return c == ';' || is_blank(c);
    }
    case at::size_blank:   // before an extension (RFC 9112 §7.1.1), or padding as old servers write it
        ++overhead_;
        if (c == '\r') {
            at_ = at::size_lf;
            return true;
        }
        if (c == ';') {
            at_ = at::extension;
            return true;
        }
        return is_blank(c);
    case at::extension:
        ++overhead_;
        if (c == '\r') {
            at_ = at::size_lf;
            return true;
        }
        if (c == '"') {
            at_ = at::extension_quoted;
            return true;
        }
        return is_text(c);
    case at::extension_quoted:
        ++overhead_;
        if (c == '"') {
            at_ = at::extension;
        } else if (c == '\\') {
            at_ = at::extension_escape;
        }
        return is_text(c);
    case at::extension_escape:
        ++overhead_;
        at_ = at::extension_quoted;
        return is_text(c);
    case at::size_lf:
        at_ = left_ == 0 ? at::trailer_start : at::data;
        overhead_ = left_ == 0 ? 0 : overhead_ - static_cast<std::size_t>(std::min<std::uint64_t>(overhead_, left_ / 4));
        return c == '\n';
    case at::data_cr:
        at_ = at::data_lf;
        return c == '\r';
    case at::data_lf:
        at_ = at::size_start;
        left_ = 0;
        digits_ = 0;
        return c == '\n';
    case at::trailer_start:
        if (c == '\r') {
            at_ = at::end_lf;
            return true;
        }
        at_ = at::trailer_name;
        ++overhead_;
        return is_token_char(c);
    case at::trailer_name:
        ++overhead_;
        if (c == ':') {
            at_ = at::trailer_value;
            return true;
        }
        return is_token_char(c);
    case at::trailer_value:
        ++overhead_;
        if (c == '\r') {
            at_ = at::trailer_lf;
            return true;
        }
        return is_text(c);
    case at::trailer_lf:
        at_ = at::trailer_start;
        return c == '\n';
    case at::end_lf:
        at_ = at::done;
        return c == '\n';
    case at::data:
    case at::done:
    case at::bad: break;
    }
    return false;
}

chunk_step chunk_decoder::feed(std::string_view in) noexcept
{
    std::size_t i = 0;
    for (;;) {
        if (at_ == at::done) {
            return {chunk_state::done, i, {}};
        }
        if (at_ == at::bad) {
            return {chunk_state::malformed, i, {}};
        }
        if (i == in.size()) {
            return {chunk_state::need_more, i, {}};
        }
        if (at_ == at::data) {
            const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size() - i));
            left_ -= n;
            if (left_ == 0) {
                at_ = at::data_cr;
            }
            return {chunk_state::content, i + n, in.substr(i, n)};
        }
        if (!step(in[i]) || overhead_ > most_overhead) {
            at_ = at::bad;
        }
        ++i;
    }
}

}  // namespace tiercel
