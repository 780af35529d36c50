//! What the process allocates is not counted: that needs the feature `count-allocations`.

use tamis_broker::Builder;

/// There is nothing to tell.
pub(super) fn told_of(builder: Builder) -> Builder {
    builder
}
