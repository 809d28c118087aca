/// The toolkit's version: what every command prints for `--version` and what files record as their maker.
package let falconVersion = "0.1.0"
