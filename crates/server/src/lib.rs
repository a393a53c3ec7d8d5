//! HTTP: routes, authentication, errors.
