#pragma once

// Rules between keys: names that must exist, settings that contradict each other, listeners that must not stand open.

namespace tiercel::config {

struct loaded;
class problem_list;

void check_together(const loaded& what, problem_list& problems);

}  // namespace tiercel::config
