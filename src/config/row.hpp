#pragma once

// One key of the configuration, with everything that is known about it: how to read, write, bound and explain it.

#include "config/value.hpp"

#include <tiercel/check.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeindex>
#include <utility>
#include <vector>

namespace tiercel::config {

enum class change : std::uint8_t {
    fixed,        // needs a restart
    reloadable,
};

enum class shape : std::uint8_t {
    value,    // one scalar
    values,   // a list of scalars
    items,    // a list of maps, "routes"; its keys are rows named "routes[].…"
    named,    // a map of maps, "origins"; its keys are rows named "origins.<name>.…"
};

// The functions take a pointer to the struct that holds the member: `config`, or the item that the name goes through.
struct row {
    std::string_view name;              // "origins.<name>.connect_timeout"
    shape what = shape::value;
    enum change change = change::fixed;
    std::string_view text;              // what it does, what zero means

    // Set by the modifiers below.
    bool required = false;
    std::string_view example;           // what the reference shows where there is no default to show
    std::string_view short_form;        // items: the key that a plain scalar in place of the map sets

    // value and values
    std::string allowed;
    std::vector<std::string> good, bad;
    secrecy hide = secrecy::open;
    std::function<void(void*)> clear;                                            // values, items and named: to empty
    std::function<std::optional<complaint>(void*, std::string_view)> add;        // sets a value, appends to values
    std::function<std::vector<std::string>(const void*)> get;

    // items and named
    using item_visitor = std::function<void(std::string_view name, const void* item)>;
    std::function<void*(void*, std::string_view name)> add_item;                 // valid until the next one is added
    std::function<void(const void*, const item_visitor&)> each;                  // names are empty for items

    std::type_index owner = typeid(void);
    std::type_index item = typeid(void);                                         // of items and named

    // The key must be given; the reference shows `shown`.
    row needed(std::string_view shown) &&
    {
        required = true;
        example = shown;
        return std::move(*this);
    }
    row shown_as(std::string_view shown) &&
    {
        example = shown;
        return std::move(*this);
    }
    // [ "text" ] means [ { key: "text" } ].
    row or_just(std::string_view key) &&
    {
        short_form = key;
        return std::move(*this);
    }
};

// ---- how a list-like member takes and gives its elements; specialise for other types of set ---------------------------

template <class M>
struct sequence {
    static constexpr bool is_sequence = false;
};

template <class T>
struct sequence<std::vector<T>> {
    static constexpr bool is_sequence = true;
    using element = T;
    static void clear(std::vector<T>& v) { v.clear(); }
    static void add(std::vector<T>& v, T e) { v.push_back(std::move(e)); }
    static std::vector<T> all(const std::vector<T>& v) { return v; }
};

// ---- making rows -----------------------------------------------------------------------------------------------------

namespace detail {

template <class F>
struct accessor;
template <class R, class O>
struct accessor<R& (*)(O&)> {
    using owner = O;
    using member = R;
};
template <class F>
using accessor_of = accessor<decltype(+std::declval<F>())>;

template <class O>
O& as(void* p)
{
    return *static_cast<O*>(p);
}
// Accessors take a mutable owner, so that one serves both ways; reading changes nothing.
template <class O>
O& as(const void* p)
{
    return *const_cast<O*>(static_cast<const O*>(p));
}

template <class F>
row make(std::string_view name, shape what, change c, std::string_view text)
{
    row r;
    r.name = name;
    r.what = what;
    r.change = c;
    r.text = text;
    r.owner = typeid(typename accessor_of<F>::owner);
    return r;
}

template <class T>
void describe(row& r, value_kind<T>& k)
{
    r.allowed = std::move(k.allowed);
    r.good = std::move(k.good);
    r.bad = std::move(k.bad);
    r.hide = k.hide;
}

}  // namespace detail

// A value, or a list of values when the member is a sequence. `at` is a lambda without captures: owner& -> member&.
template <class F, class Spec>
row key(std::string_view name, F at, Spec spec, change c, std::string_view text)
{
    using owner = typename detail::accessor_of<F>::owner;
    using member = typename detail::accessor_of<F>::member;
    if constexpr (sequence<member>::is_sequence) {
        using seq = sequence<member>;
        using element = typename seq::element;
        row r = detail::make<F>(name, shape::values, c, text);
        auto kind = kind_for(std::move(spec), std::type_identity<element>());
        detail::describe(r, kind);
        r.clear = [at](void* p) { seq::clear(at(detail::as<owner>(p))); };
        r.add = [at, read = kind.read](void* p, std::string_view t) -> std::optional<complaint> {
            auto v = read(t);
            if (auto* why = std::get_if<complaint>(&v)) {
                return std::move(*why);
            }
            seq::add(at(detail::as<owner>(p)), std::get<element>(std::move(v)));
            return std::nullopt;
        };
        r.get = [at, write = kind.write](const void* p) {
            std::vector<std::string> texts;
            for (const auto& e : seq::all(at(detail::as<owner>(p)))) {
                texts.push_back(write(e));
            }
            return texts;
        };
        return r;
    } else {
        row r = detail::make<F>(name, shape::value, c, text);
        auto kind = kind_for(std::move(spec), std::type_identity<member>());
        detail::describe(r, kind);
        r.add = [at, read = kind.read](void* p, std::string_view t) -> std::optional<complaint> {
            auto v = read(t);
            if (auto* why = std::get_if<complaint>(&v)) {
                return std::move(*why);
            }
            at(detail::as<owner>(p)) = std::get<member>(std::move(v));
            return std::nullopt;
        };
        r.get = [at, write = kind.write](const void* p) { return std::vector{write(at(detail::as<owner>(p)))}; };
        return r;
    }
}

// A list of maps. `at`: owner& -> std::vector<item>&.
template <class F>
row items(std::string_view name, F at, change c, std::string_view text)
{
    using owner = typename detail::accessor_of<F>::owner;
    using item = typename detail::accessor_of<F>::member::value_type;
    row r = detail::make<F>(name, shape::items, c, text);
    r.item = typeid(item);
    r.clear = [at](void* p) { at(detail::as<owner>(p)).clear(); };
    r.add_item = [at](void* p, std::string_view) -> void* { return &at(detail::as<owner>(p)).emplace_back(); };
    r.each = [at](const void* p, const row::item_visitor& visit) {
        for (const auto& i : at(detail::as<owner>(p))) {
            visit({}, &i);
        }
    };
    return r;
}

// A map of maps. `at`: owner& -> std::map<std::string, item>&.
template <class F>
row named(std::string_view name, F at, change c, std::string_view text)
{
    using owner = typename detail::accessor_of<F>::owner;
    using item = typename detail::accessor_of<F>::member::mapped_type;
    row r = detail::make<F>(name, shape::named, c, text);
    r.item = typeid(item);
    r.clear = [at](void* p) { at(detail::as<owner>(p)).clear(); };
    r.add_item = [at](void* p, std::string_view n) -> void* { return &at(detail::as<owner>(p))[std::string(n)]; };
    r.each = [at](const void* p, const row::item_visitor& visit) {
        for (const auto& [n, i] : at(detail::as<owner>(p))) {
            visit(n, &i);
        }
    };
    return r;
}

}  // namespace tiercel::config
