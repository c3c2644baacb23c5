#pragma once

// What errors become in the words of HTTP and of people.

#include <tiercel/error.hpp>

#include <string_view>

namespace tiercel::flow {

// The status that an error becomes.
int status_of(errc e) noexcept;
// For people; says nothing about the inside.
std::string_view explanation_of(errc e) noexcept;
// The reason phrase of a status that we answer with ourselves.
std::string_view reason_of(int status) noexcept;

}  // namespace tiercel::flow
