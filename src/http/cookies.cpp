#include "http/cookies.hpp"

#include "http/ascii.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tiercel {
namespace {

constexpr std::size_t npos = std::string_view::npos;

// The characters of a name as the most generous origin reads them: escapes decoded, in any case, and with "_" for what no
// variable of PHP may contain.
class generous_reader {
public:
    explicit generous_reader(std::string_view text) noexcept : rest_(text) {}
    bool at_end() const noexcept { return rest_.empty(); }
    char take() noexcept
    {
        char c = rest_.front();
        unsigned char decoded = 0;
        if (c == '%' && rest_.size() > 2 &&
            std::from_chars(rest_.data() + 1, rest_.data() + 3, decoded, 16).ptr == rest_.data() + 3) {
            c = static_cast<char>(decoded);
            rest_.remove_prefix(2);
        }
        rest_.remove_prefix(1);
        return c == '.' || c == ' ' || c == '+' || c == '[' ? '_' : to_lower(c);
    }

private:
    std::string_view rest_;
};

// Does the text begin with that name, generously read? `whole`: and end with it.
bool resembles(std::string_view text, std::string_view name, bool whole) noexcept
{
    generous_reader theirs(text);
    generous_reader ours(name);
    while (!ours.at_end()) {
        if (theirs.at_end() || theirs.take() != ours.take()) {
            return false;
        }
    }
    return !whole || theirs.at_end();
}

bool mentions(std::string_view text, std::string_view name) noexcept
{
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (resembles(text.substr(at), name, false)) {
            return true;
        }
    }
    return false;
}

bool is_cookie_octet(char c) noexcept
{
    return c > ' ' && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

// cookie-value, perhaps in quotes.
bool is_plain_value(std::string_view value) noexcept
{
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
    }
    return std::all_of(value.begin(), value.end(), is_cookie_octet);
}

// What RFC 2965 and Set-Cookie say about cookies in such names; some origins still look for that in Cookie.
bool is_attribute(std::string_view name) noexcept
{
    constexpr std::array<std::string_view, 10> attributes{"comment", "domain",   "expires", "httponly", "max-age",
                                                          "path",    "samesite", "secure",  "version",  "partitioned"};
    return name.starts_with('$') ||
           std::any_of(attributes.begin(), attributes.end(), [&](std::string_view a) { return equal_lower(name, a); });
}

// Takes the pair at the front of the rest; false if what is there has not the form of one.
bool take_pair(std::string_view& rest, std::string_view& name, std::string_view& pair) noexcept
{
    const std::size_t end = rest.find(';');
    pair = rest.substr(0, end);
    rest.remove_prefix(end == npos ? rest.size() : end + 1);
    rest.remove_prefix(rest.starts_with(' ') ? 1 : 0);
    const std::size_t equals = pair.find('=');
    name = pair.substr(0, equals);
    return equals != npos && (end == npos || !rest.empty()) && is_token(name) && !is_attribute(name) && is_plain_value(pair.substr(equals + 1));
}

// The same from a field that all origins read alike, down to names that some of them unify; false if it is none.
bool find_plainly(std::string_view rest, std::string_view wanted, named_cookie& found)
{
    std::size_t count = 0;
    std::size_t number = 0;
    bool exact = false;
    while (!rest.empty()) {
        std::string_view name;
        std::string_view pair;
        if (++count > most_cookies || !take_pair(rest, name, pair)) {
            return false;
        }
        if (resembles(name, wanted, true)) {
            exact = name == wanted;
            found.pairs.append(++number == 1 ? "" : "; ").append(pair);
        }
    }
    found.sense = number == 0 ? cookie_sense::absent : number == 1 && exact ? cookie_sense::one : cookie_sense::several;
    return true;
}

}  // namespace

named_cookie find_cookie(const request_head& head, std::string_view name)
{
    named_cookie found;
    if (!head.has(header::cookie)) {
        return found;
    }
    if (head.count(header::cookie) == 1 && find_plainly(head.first(header::cookie), name, found)) {
        return found;
    }
    const bool mentioned = std::any_of(head.fields.begin(), head.fields.end(), [&](const field& f) {
        return f.id == header::cookie && mentions(f.value, name);
    });
    return {mentioned ? cookie_sense::doubtful : cookie_sense::absent, {}};
}

}  // namespace tiercel
