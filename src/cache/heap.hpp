#pragma once

#include <tiercel/units.hpp>

#include <malloc.h>

namespace tiercel {

// What the allocator keeps in front of each block.
inline constexpr byte_count heap_header = 16;

// What an allocation really occupies: the rounding of the allocator counts against the budget like the bytes asked for.
inline byte_count heap_size(const void* allocation) noexcept
{
    return malloc_usable_size(const_cast<void*>(allocation)) + heap_header;
}

}  // namespace tiercel
