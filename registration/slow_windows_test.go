package registration_test

// Under Wine each wake-up is a matter of three processes. slow divides the
// rounds of the stress tests, crossings those of tests that are short elsewhere.
const slow, crossings = 100, 20
