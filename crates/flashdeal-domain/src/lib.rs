//! The language and the rules of a flash sale: types, ports and use cases. No I/O, no runtime.
