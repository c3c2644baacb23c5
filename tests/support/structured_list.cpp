#include "support/structured_list.hpp"

#include <algorithm>
#include <charconv>

namespace tiercel::test::sf {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_alpha(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }

bool is_token_char(char c)
{
    return is_alpha(c) || is_digit(c) || std::string_view("!#$%&'*+-.^_`|~:/").find(c) != std::string_view::npos;
}

bool is_key_char(char c)
{
    return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '*';
}

// Signals a failed parse; never leaves this file.
struct failed {};

class parser {
public:
    explicit parser(std::string_view text) : in_(text) {}

    std::vector<member> list()
    {
        skip(" ");
        std::vector<member> out;
        while (!in_.empty()) {
            out.push_back(list_member());
            skip(" \t");
            if (in_.empty()) { break; }
            expect(',');
            skip(" \t");
            if (in_.empty()) { throw failed(); }   // trailing comma
        }
        return out;
    }

private:
    char peek() const { return in_.empty() ? '\0' : in_.front(); }

    char take()
    {
        if (in_.empty()) { throw failed(); }
        const char c = in_.front();
        in_.remove_prefix(1);
        return c;
    }

    void expect(char c)
    {
        if (take() != c) { throw failed(); }
    }

    bool accept(char c)
    {
        if (in_.empty() || in_.front() != c) { return false; }
        in_.remove_prefix(1);
        return true;
    }

    void skip(std::string_view blanks)
    {
        while (!in_.empty() && blanks.find(in_.front()) != std::string_view::npos) { in_.remove_prefix(1); }
    }

    member list_member()
    {
        if (peek() == '(') { return inner_list(); }
        item one = full_item();
        member m;
        m.params = one.params;
        m.items.push_back(std::move(one));
        return m;
    }

    member inner_list()
    {
        expect('(');
        member m;
        m.is_inner_list = true;
        for (;;) {
            skip(" ");
            if (accept(')')) { break; }
            m.items.push_back(full_item());
            if (peek() != ' ' && peek() != ')') { throw failed(); }
        }
        m.params = all_parameters();
        return m;
    }

    item full_item()
    {
        item i;
        i.value = bare();
        i.params = all_parameters();
        return i;
    }

    parameters all_parameters()
    {
        parameters out;
        while (accept(';')) {
            skip(" ");
            std::string name = key();
            bare_item value = true;
            if (accept('=')) { value = bare(); }
            std::erase_if(out, [&](const auto& p) { return p.first == name; });
            out.emplace_back(std::move(name), std::move(value));
        }
        return out;
    }

    std::string key()
    {
        if (!is_lower(peek()) && peek() != '*') { throw failed(); }
        std::string out;
        while (is_key_char(peek())) { out += take(); }
        return out;
    }

    bare_item bare()
    {
        const char c = peek();
        if (c == '-' || is_digit(c)) { return number(); }
        if (c == '"') { return string(); }
        if (c == '*' || is_alpha(c)) { return a_token(); }
        if (c == ':') { return byte_sequence(); }
        if (c == '?') { return boolean(); }
        throw failed();
    }

    bare_item number()
    {
        const bool negative = accept('-');
        std::string whole;
        while (is_digit(peek())) { whole += take(); }
        if (whole.empty()) { throw failed(); }
        if (!accept('.')) {
            if (whole.size() > 15) { throw failed(); }
            return signed_value(whole, negative);
        }
        std::string fraction;
        while (is_digit(peek())) { fraction += take(); }
        if (whole.size() > 12 || fraction.empty() || fraction.size() > 3) { throw failed(); }
        fraction.resize(3, '0');
        return decimal{signed_value(whole + fraction, negative)};
    }

    static std::int64_t signed_value(const std::string& digits, bool negative)
    {
        std::int64_t n = 0;
        std::from_chars(digits.data(), digits.data() + digits.size(), n);   // at most 15 digits: always fits
        return negative ? -n : n;
    }

    std::string string()
    {
        expect('"');
        std::string out;
        for (;;) {
            char c = take();
            if (c == '"') { return out; }
            if (c == '\\') {
                c = take();
                if (c != '"' && c != '\\') { throw failed(); }
            } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
                throw failed();
            }
            out += c;
        }
    }

    token a_token()
    {
        token out;
        while (is_token_char(peek())) { out.text += take(); }
        return out;
    }

    bytes byte_sequence()
    {
        expect(':');
        bytes out;
        while (peek() != ':') {
            const char c = take();
            if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '/' && c != '=') { throw failed(); }
            out.base64 += c;
        }
        expect(':');
        return out;
    }

    bool boolean()
    {
        expect('?');
        const char c = take();
        if (c != '0' && c != '1') { throw failed(); }
        return c == '1';
    }

    std::string_view in_;
};

}  // namespace

std::optional<std::vector<member>> parse_list(std::string_view text)
{
    while (!text.empty() && text.back() == ' ') { text.remove_suffix(1); }   // RFC 8941 §4.2, step 7
    try {
        return parser(text).list();
    } catch (failed) {
        return std::nullopt;
    }
}

}  // namespace tiercel::test::sf
