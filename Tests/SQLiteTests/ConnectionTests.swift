import SQLite
import Testing

@Suite struct ConnectionTests {}
