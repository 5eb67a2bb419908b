//! An RSA key of 1,024 bits and a token that it signed, since nothing here signs with so short a key.

/// The issuer of the token, which is for the audience `store` and good until the year 2100.
pub const ISSUER: &str = "https://weak.example";

/// The id of the key.
pub const KID: &str = "weak";

/// The modulus of the key.
pub const MODULUS: &str = "xWGzJUQwY_OFQOkJZi4Mizjl25o2_zaFWIKKa8Th6C8yvamVaN9vhs__K35xqFm1Pz-BovcQxFdUgSyGoRYgeODZ\
     1lAxwZ9R1qvT8gst_ZZc3GrUY_QsiV1qXIXtL9YIj57w9DBpfMiEEEKx0AW5LwoCdng2UmNJZKrl6UxinK8";

/// The token.
pub const TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IndlYWsifQ.eyJpc3MiOiJodHRwczovL3dlYWsuZXhhb\
     XBsZSIsImF1ZCI6InN0b3JlIiwic3ViIjoid2VhayIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjo0MTAyNDQ0ODAwf\
     Q.otNi9J4Dmd14m5JEy5LaOAlnL7xMLetbZEMQIZmYcvMZc5XKCTQCaxdWzQemc_-inKDdMcbzoHPuU9SczlNEdJ\
     Z5fbWwRSoOP6x1Merp8NetET7rKF-U3iiwwEmA2gFVeoX8G3r_RZvCpJ5kUM8krzkVsZzFz6BJu5fNqWfxsQ0";
