// Chunked content: the decoder gives the same answer however the bytes are cut, and agrees with a plain reading of the whole
// by lines, in what it takes and in what it refuses.

#include <tiercel/check.hpp>

#include "http/chunked.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace tiercel;

struct decoded {
    chunk_state state = chunk_state::need_more;
    std::string content;
    std::size_t consumed = 0;
};

bool operator==(const decoded& a, const decoded& b)
{
    return a.state == b.state && a.content == b.content && (a.state == chunk_state::malformed || a.consumed == b.consumed);
}

decoded decode(std::string_view bytes, std::size_t step)
{
    chunk_decoder decoder;
    decoded d;
    for (std::size_t begin = 0; begin < bytes.size(); begin += step) {
        const std::size_t size = std::min(step, bytes.size() - begin);
        const auto piece = std::make_unique<char[]>(size);
        std::copy_n(bytes.data() + begin, size, piece.get());
        std::string_view rest(piece.get(), size);
        do {
            const chunk_step s = decoder.feed(rest);
            TIERCEL_CHECK(s.consumed <= rest.size());
            d.content += s.content;
            d.consumed += s.consumed;
            d.state = s.state;
            rest.remove_prefix(s.consumed);
        } while (d.state == chunk_state::content);
        if (d.state != chunk_state::need_more) {
            return d;
        }
        TIERCEL_CHECK(rest.empty());
    }
    return d;
}

// ---- the plain reading ---------------------------------------------------------------------------------------------------

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool is_text(std::string_view s)
{
    return std::all_of(s.begin(), s.end(), [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); });
}

bool is_token(std::string_view s)
{
    return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) {
        return is_hex(c) || (c >= 'g' && c <= 'z') || (c >= 'G' && c <= 'Z') ||
               (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
    });
}

bool closes_its_quotes(std::string_view extension)
{
    bool quoted = false;
    for (std::size_t i = 0; i < extension.size(); ++i) {
        if (extension[i] == '"') {
            quoted = !quoted;
        } else if (quoted && extension[i] == '\\') {
            if (++i == extension.size()) {
                return false;
            }
        }
    }
    return !quoted;
}

std::optional<std::uint64_t> size_in(std::string_view line)
{
    const auto digits = static_cast<std::size_t>(std::find_if_not(line.begin(), line.end(), is_hex) - line.begin());
    if (digits == 0 || digits > 16) {
        return std::nullopt;
    }
    const std::string_view rest = line.substr(digits);
    const std::size_t text = rest.find_first_not_of(" \t");
    if (text != std::string_view::npos && (rest[text] != ';' || !is_text(rest) || !closes_its_quotes(rest))) {
        return std::nullopt;
    }
    return std::stoull(std::string(line.substr(0, digits)), nullptr, 16);
}

// The content, and what follows it in `rest`. Nothing if anything is missing or wrong.
std::optional<std::string> read_plainly(std::string_view& rest)
{
    const auto take_line = [&]() -> std::optional<std::string_view> {
        const std::size_t end = rest.find("\r\n");
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end + 2);
        return line;
    };
    std::string content;
    for (;;) {
        const auto line = take_line();
        const auto size = line ? size_in(*line) : std::nullopt;
        if (!size) {
            return std::nullopt;
        }
        if (*size == 0) {
            break;
        }
        if (*size > rest.size() || !rest.substr(*size).starts_with("\r\n")) {
            return std::nullopt;
        }
        content += rest.substr(0, *size);
        rest.remove_prefix(*size + 2);
    }
    for (;;) {
        const auto line = take_line();
        if (!line) {
            return std::nullopt;
        }
        if (line->empty()) {
            return content;
        }
        const std::size_t colon = line->find(':');
        if (colon == std::string_view::npos || !is_token(line->substr(0, colon)) || !is_text(line->substr(colon))) {
            return std::nullopt;
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const decoded whole = decode(bytes, std::max<std::size_t>(size, 1));
    TIERCEL_CHECK(decode(bytes, 1) == whole);
    TIERCEL_CHECK(decode(bytes, size % 13 + 2) == whole);

    std::string_view rest = bytes;
    const auto content = read_plainly(rest);
    if (whole.state == chunk_state::done) {
        TIERCEL_CHECK(content && *content == whole.content && bytes.size() - rest.size() == whole.consumed);
    } else if (content) {
        TIERCEL_CHECK(bytes.size() > 8 * 1024);   // refused for the length of its extensions and trailers alone
    }
    return 0;
}
