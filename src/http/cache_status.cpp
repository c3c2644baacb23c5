#include "http/cache_status.hpp"

#include "http/structured_field.hpp"

#include <tiercel/check.hpp>

#include <array>
#include <charconv>
#include <cstring>

namespace tiercel {
namespace {

// Every answer carries the field, so it is put together on the stack and appended once.
class writer {
public:
    // What the parts of our own making take at most.
    static constexpr std::size_t room = 256;

    template <std::size_t N>
    writer& operator<<(const char (&literal)[N]) noexcept
    {
        std::memcpy(at_, literal, N - 1);   // of a known length: a few moves
        at_ += N - 1;
        return *this;
    }
    writer& operator<<(std::string_view known) noexcept
    {
        TIERCEL_CHECK(known.size() <= longest);
        at_ += known.copy(at_, known.size());
        return *this;
    }
    writer& operator<<(std::int64_t n) noexcept
    {
        at_ = std::to_chars(at_, at_ + 20, n).ptr;
        return *this;
    }
    std::string_view text() const noexcept { return {space_.data(), static_cast<std::size_t>(at_ - space_.data())}; }

private:
    static constexpr std::size_t longest = 40;   // of one name; the key has 32 digits

    std::array<char, room> space_;
    char* at_ = space_.data();
};

}  // namespace

void append_cache_status(std::string& out, const cache_status& s)
{
    writer w;
    w << "tiercel";
    if (s.hit) {
        w << "; hit";
    }
    if (!s.fwd.empty()) {
        w << "; fwd=" << s.fwd;
    }
    if (s.fwd_status != 0) {
        w << "; fwd-status=" << std::int64_t{s.fwd_status};
    }
    if (s.stored) {
        w << "; stored";
    }
    if (s.collapsed) {
        w << "; collapsed";
    }
    if (s.ttl) {
        w << "; ttl=" << *s.ttl;
    }
    if (!s.key.empty()) {
        w << "; key=\"" << s.key << "\"";
    }
    if (!s.detail.empty()) {
        w << "; detail=" << s.detail;
    }
    out.append(w.text());
}

bool may_stand_before_ours(std::string_view line) { return is_sf_name_list(line); }

}  // namespace tiercel
