#pragma once

// How one kind of configured value is read, written and bounded: sizes, times, numbers, words. A row of the table names a
// kind ("between(1ms, 5s)"); the row's member gives the C++ type.

#include <tiercel/units.hpp>

#include <charconv>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tiercel::config {

// May the value be shown? url: without the userinfo in it.
enum class secrecy : std::uint8_t { open, url, secret };

// What is wrong with a value, as the end of a sentence: "must be 1ms to 5s". Never repeats the value.
struct complaint {
    std::string what;
};

template <class T>
using reading = std::variant<T, complaint>;

template <class T>
struct value_kind {
    std::function<reading<T>(std::string_view)> read;
    std::function<std::string(const T&)> write;    // read(write(x)) == x
    std::string allowed;                           // for people: "1ms to 5s"; may be empty
    std::vector<std::string> good;                 // the edges: tests that the table generates use them
    std::vector<std::string> bad;
    secrecy hide = secrecy::open;
};

// ---- texts of sizes and times ----------------------------------------------------------------------------------------

reading<byte_count> read_size(std::string_view text);                   // 64KiB, 1MiB, 4096
std::string write_size(byte_count n);
reading<std::chrono::milliseconds> read_time(std::string_view text);    // 250ms, 30s, 5m, 24h, 7d, 0
std::string write_time(std::chrono::milliseconds t);

// "redis://user:secret@host/0" -> "redis://***@host/0". Anything else stays as it is.
std::string without_userinfo(std::string_view text);

// ---- what a row says -------------------------------------------------------------------------------------------------

// A check that a type and a range cannot express: what is wrong, or nothing.
using text_check = std::function<std::optional<std::string>(std::string_view)>;

struct flag {};                                                         // true | false
struct sizes { byte_count low, high; };                                 // of memory or content
struct times { std::chrono::milliseconds low, high; };
struct counts { std::uint64_t low, high; std::string_view zero = {}; }; // zero: the word for 0, as in "auto"
struct numbers { double low, high; };
struct texts { text_check check = {}; secrecy hide = secrecy::open; };

template <class E>
struct words {
    struct word {
        std::string_view name;
        E value;
    };
    // A word that is known and yet refused: with its reason, or because a later version will have it.
    struct refused {
        std::string_view name;
        std::string_view why = "is not available in this version";
    };
    std::vector<word> known;
    std::vector<refused> unavailable = {};
};

inline sizes between(byte_count low, byte_count high) { return {low, high}; }
inline times between(std::chrono::milliseconds low, std::chrono::milliseconds high) { return {low, high}; }

// ---- kinds -----------------------------------------------------------------------------------------------------------

value_kind<bool> kind_for(flag, std::type_identity<bool>);
value_kind<byte_count> kind_for(sizes, std::type_identity<byte_count>);
value_kind<std::uint64_t> kind_for(counts, std::type_identity<std::uint64_t>);
value_kind<std::chrono::milliseconds> kind_for(times, std::type_identity<std::chrono::milliseconds>);
value_kind<double> kind_for(numbers, std::type_identity<double>);
value_kind<std::string> kind_for(texts, std::type_identity<std::string>);

// Any other width of integer, by way of the widest.
template <std::integral T>
    requires(!std::same_as<T, bool> && !std::same_as<T, std::uint64_t>)
value_kind<T> kind_for(counts c, std::type_identity<T>)
{
    c.high = std::min<std::uint64_t>(c.high, static_cast<std::uint64_t>(std::numeric_limits<T>::max()));
    auto wide = kind_for(c, std::type_identity<std::uint64_t>());
    value_kind<T> k;
    k.read = [read = std::move(wide.read)](std::string_view text) -> reading<T> {
        auto r = read(text);
        if (auto* n = std::get_if<std::uint64_t>(&r)) {
            return static_cast<T>(*n);
        }
        return std::get<complaint>(std::move(r));
    };
    k.write = [write = std::move(wide.write)](const T& v) { return write(static_cast<std::uint64_t>(v)); };
    k.allowed = std::move(wide.allowed);
    k.good = std::move(wide.good);
    k.bad = std::move(wide.bad);
    return k;
}

// Coarser times, such as whole seconds.
template <class Rep, class Period>
    requires(!std::same_as<std::chrono::duration<Rep, Period>, std::chrono::milliseconds>)
value_kind<std::chrono::duration<Rep, Period>> kind_for(times t, std::type_identity<std::chrono::duration<Rep, Period>>)
{
    using target = std::chrono::duration<Rep, Period>;
    auto fine = kind_for(t, std::type_identity<std::chrono::milliseconds>());
    value_kind<target> k;
    k.read = [read = std::move(fine.read)](std::string_view text) -> reading<target> {
        auto r = read(text);
        auto* ms = std::get_if<std::chrono::milliseconds>(&r);
        if (ms == nullptr) {
            return std::get<complaint>(std::move(r));
        }
        const auto coarse = std::chrono::duration_cast<target>(*ms);
        if (coarse != *ms) {
            return complaint{"must be whole seconds"};
        }
        return coarse;
    };
    k.write = [](const target& v) { return write_time(std::chrono::duration_cast<std::chrono::milliseconds>(v)); };
    k.allowed = std::move(fine.allowed);
    for (auto& text : fine.good) {
        const auto is_exact = std::holds_alternative<target>(k.read(text));
        (is_exact ? k.good : k.bad).push_back(std::move(text));
    }
    for (auto& text : fine.bad) {
        k.bad.push_back(std::move(text));
    }
    return k;
}

// Builds the message for a word that is none of the known ones, with the nearest of them.
complaint unknown_word(std::string_view text, const std::vector<std::string_view>& known);

template <class E>
value_kind<E> kind_for(words<E> w, std::type_identity<E>)
{
    value_kind<E> k;
    for (const auto& word : w.known) {
        k.allowed += (k.allowed.empty() ? "" : " | ") + std::string(word.name);
        k.good.emplace_back(word.name);
    }
    for (const auto& r : w.unavailable) {
        k.bad.emplace_back(r.name);
    }
    k.bad.insert(k.bad.end(), {"no-such-word", ""});
    k.write = [known = w.known](const E& v) {
        for (const auto& word : known) {
            if (word.value == v) {
                return std::string(word.name);
            }
        }
        return std::string();
    };
    k.read = [w = std::move(w)](std::string_view text) -> reading<E> {
        std::vector<std::string_view> names;
        for (const auto& word : w.known) {
            if (word.name == text) {
                return word.value;
            }
            names.push_back(word.name);
        }
        for (const auto& r : w.unavailable) {
            if (r.name == text) {
                return complaint{std::string(r.name) + " " + std::string(r.why)};
            }
        }
        return unknown_word(text, names);
    };
    return k;
}

}  // namespace tiercel::config
