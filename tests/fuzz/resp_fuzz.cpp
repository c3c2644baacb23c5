// Replies of a hostile or broken Redis, cut anywhere: no crash, no unbounded memory, and the cuts make no difference.

#include "redis/resp_codec.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

using tiercel::redis::reply;
using tiercel::redis::reply_parser;

constexpr tiercel::byte_count limit = 1024;

std::vector<reply> parse(std::string_view bytes, std::size_t piece)
{
    reply_parser parser(limit);
    std::vector<reply> out;
    while (!bytes.empty()) {
        parser.feed(bytes.substr(0, piece));
        bytes.remove_prefix(std::min(piece, bytes.size()));
        for (;;) {
            auto next = parser.next();
            if (!next) { return out; }
            if (!next->has_value()) { break; }
            out.push_back(std::move(**next));
        }
    }
    return out;
}

// What passes in big pieces may be refused in small ones, and only because of the size limit: so one is a prefix of the other.
bool is_prefix(const std::vector<reply>& a, const std::vector<reply>& b)
{
    if (a.size() > b.size()) { return false; }
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i] != b[i]) { return false; }
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 1) { return 0; }
    const std::size_t piece = 1 + data[0];
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    const std::vector<reply> whole = parse(bytes, bytes.size() + 1);
    const std::vector<reply> pieces = parse(bytes, piece);
    if (!is_prefix(pieces, whole)) { std::abort(); }
    return 0;
}
