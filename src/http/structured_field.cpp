#include "http/structured_field.hpp"

#include "http/ascii.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <utility>

namespace tiercel {
namespace {

constexpr bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }

constexpr bool is_key_char(char c) noexcept
{
    return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '*';
}

constexpr bool is_sf_token_char(char c) noexcept { return is_token_char(c) || c == ':' || c == '/'; }

constexpr bool is_base64_char(char c) noexcept { return is_alpha(c) || is_digit(c) || c == '+' || c == '/'; }

// The functions of RFC 8941 §4.2, each eating its part from the left; false: the whole field is invalid, and what was filled
// in so far means nothing.
class parser {
public:
    explicit parser(std::string_view text) : rest_(text) {}

    bool dictionary(std::vector<sf_member>& out)
    {
        return list([&] {
            sf_member& m = out.emplace_back();
            return key(m.key) && member_value(m);
        });
    }

    // §4.2.1
    bool string_list(std::vector<std::string>& out)
    {
        return list([&] {
            sf_member m;
            if (front() != '"' || !string(m) || !parameters()) {
                return false;
            }
            out.push_back(std::move(m.string));
            return true;
        });
    }

    bool name_list()
    {
        return list([&] {
            sf_member m;
            return bare_item(m) && (m.type == sf_type::string || m.type == sf_type::token) && parameters();
        });
    }

private:
    char front() const { return rest_.empty() ? '\0' : rest_.front(); }

    bool eat(char c)
    {
        const bool there = !rest_.empty() && rest_.front() == c;
        rest_.remove_prefix(there ? 1 : 0);
        return there;
    }

    template <class Is>
    std::string_view take_while(Is is)
    {
        const auto end = std::find_if_not(rest_.begin(), rest_.end(), is);
        const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
        rest_.remove_prefix(taken.size());
        return taken;
    }

    // `member` eats one, with its parameters.
    template <class Member>
    bool list(Member member)
    {
        skip_spaces();
        while (!rest_.empty()) {
            if (!member()) {
                return false;
            }
            skip_blanks();
            if (rest_.empty()) {
                return true;
            }
            if (!eat(',')) {
                return false;
            }
            skip_blanks();
            if (rest_.empty()) {
                return false;   // a trailing comma
            }
        }
        return true;
    }

    void skip_spaces() { take_while([](char c) { return c == ' '; }); }
    void skip_blanks() { take_while([](char c) { return c == ' ' || c == '\t'; }); }

    bool key(std::string_view& out)
    {
        if (!is_lower(front()) && front() != '*') {
            return false;
        }
        out = take_while(is_key_char);
        return true;
    }

    // §4.2.2, and §4.2.1.1 for items and inner lists
    bool member_value(sf_member& m)
    {
        if (!eat('=')) {
            return parameters();   // true
        }
        return (front() == '(' ? inner_list(m) : bare_item(m)) && parameters();
    }

    // §4.2.1.2
    bool inner_list(sf_member& m)
    {
        m.type = sf_type::inner_list;
        eat('(');
        while (true) {
            skip_spaces();
            if (eat(')')) {
                return true;
            }
            sf_member ignored;
            if (!bare_item(ignored) || !parameters()) {
                return false;
            }
            if (front() != ' ' && front() != ')') {
                return false;
            }
        }
    }

    // §4.2.3.2
    bool parameters()
    {
        while (eat(';')) {
            skip_spaces();
            std::string_view ignored_key;
            if (!key(ignored_key)) {
                return false;
            }
            sf_member ignored;
            if (eat('=') && !bare_item(ignored)) {
                return false;
            }
        }
        return true;
    }

    // §4.2.3.1
    bool bare_item(sf_member& m)
    {
        const char c = front();
        if (c == '-' || is_digit(c)) {
            return number(m);
        }
        if (c == '"') {
            return string(m);
        }
        if (c == '*' || is_alpha(c)) {
            m.type = sf_type::token;
            take_while(is_sf_token_char);
            return true;
        }
        if (c == ':') {
            return byte_sequence(m);
        }
        return c == '?' && boolean(m);
    }

    // §4.2.4
    bool number(sf_member& m)
    {
        const bool negative = eat('-');
        const std::string_view whole = take_while(is_digit);
        if (whole.empty() || whole.size() > 15) {
            return false;
        }
        if (eat('.')) {
            m.type = sf_type::decimal;
            const std::string_view fraction = take_while(is_digit);
            return whole.size() <= 12 && !fraction.empty() && fraction.size() <= 3;
        }
        m.type = sf_type::integer;
        std::from_chars(whole.data(), whole.data() + whole.size(), m.integer);   // 15 digits always fit
        m.integer = negative ? -m.integer : m.integer;
        return true;
    }

    // §4.2.5
    bool string(sf_member& m)
    {
        m.type = sf_type::string;
        eat('"');
        while (!rest_.empty()) {
            char c = rest_.front();
            rest_.remove_prefix(1);
            if (c == '"') {
                return true;
            }
            if (c == '\\') {
                c = front();
                if (c != '"' && c != '\\') {
                    return false;
                }
                rest_.remove_prefix(1);
            } else if (c < 0x20 || c > 0x7e) {
                return false;
            }
            m.string += c;
        }
        return false;
    }

    // §4.2.7. Missing padding is let through, as it asks for.
    bool byte_sequence(sf_member& m)
    {
        m.type = sf_type::byte_sequence;
        eat(':');
        const std::size_t length = take_while(is_base64_char).size();
        const std::size_t padding = take_while([](char c) { return c == '='; }).size();
        const bool whole = padding == 0 ? length % 4 != 1 : padding <= 2 && (length + padding) % 4 == 0;
        return whole && eat(':');
    }

    // §4.2.8
    bool boolean(sf_member& m)
    {
        m.type = sf_type::boolean;
        eat('?');
        m.boolean = front() == '1';
        return eat('1') || eat('0');
    }

    std::string_view rest_;
};

std::string_view without_trailing_spaces(std::string_view text) noexcept
{
    return text.substr(0, text.find_last_not_of(' ') + 1);
}

}  // namespace

std::optional<std::vector<std::string>> parse_sf_string_list(std::string_view text)
{
    std::vector<std::string> members;
    if (!parser(without_trailing_spaces(text)).string_list(members)) {
        return std::nullopt;
    }
    return members;
}

bool is_sf_name_list(std::string_view text)
{
    const std::string_view list = without_trailing_spaces(text);
    return list.find_first_not_of(' ') != list.npos && parser(list).name_list();
}

std::optional<std::vector<sf_member>> parse_sf_dictionary(std::string_view text)
{
    std::vector<sf_member> members;
    if (!parser(without_trailing_spaces(text)).dictionary(members)) {
        return std::nullopt;
    }
    // Of equal keys the last one counts: with the order reversed it is the first of its run, which unique keeps.
    std::reverse(members.begin(), members.end());
    std::stable_sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    const auto same_key = [](const auto& a, const auto& b) { return a.key == b.key; };
    members.erase(std::unique(members.begin(), members.end(), same_key), members.end());
    return members;
}

}  // namespace tiercel
