#include "redis/script.hpp"

#include <boost/uuid/detail/sha1.hpp>

#include <memory>
#include <utility>

namespace tiercel::redis {
namespace {

std::string sha1_of(std::string_view text)
{
    boost::uuids::detail::sha1 hash;
    hash.process_bytes(text.data(), text.size());
    boost::uuids::detail::sha1::digest_type words;   // five words of 32 bits, the first digits first
    hash.get_digest(words);
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const unsigned int word : words) {
        for (int shift = 28; shift >= 0; shift -= 4) { out += digits[(word >> shift) & 0xf]; }
    }
    return out;
}

}  // namespace

script::script(std::string text) : text_(std::move(text)), sha1_(sha1_of(text_)) {}

command script_call::made(std::string_view verb, std::string_view name) const
{
    const std::string count = std::to_string(keys.size());
    std::vector<std::string_view> words{verb, name, count};
    words.insert(words.end(), keys.begin(), keys.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    return command(std::span<const std::string_view>(words));
}

bool is_unknown_script(const reply& r) noexcept
{
    return r.error_code() == "NOSCRIPT";
}

void run_script(client& c, lane l, script_call call, reply_handler on_reply)
{
    auto kept = std::make_shared<script_call>(std::move(call));
    command first = kept->by_hash();
    c.send(l, std::move(first), [&c, l, kept = std::move(kept), on_reply = std::move(on_reply)](result<reply> r) {
        const auto refusal = c.refusal(l);
        if (!r || !is_unknown_script(*r) || refusal) {
            on_reply(std::move(r));
            return;
        }
        c.send(l, kept->by_text(), on_reply);
    });
}

}  // namespace tiercel::redis
